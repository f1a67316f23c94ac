"""A server on a virtual stage, the truth that it told, and plain clients that speak V2 to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from fake_server import FakeServer, ServerConfig
from harness import sim

T = TypeVar("T")

_STARTED_S = 1_800_000_000.0
"""What the server's clock shows when the loop's shows 0."""
PATIENCE_S = 1.0
"""How long a client waits before it says that nothing came; longer than the network takes."""


def in_simulation(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in virtual time, and give back what it returns."""
    return sim.run(lambda loop: story(), seed=1)


def simulated(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a test of a coroutine that runs in virtual time."""

    def run() -> None:
        in_simulation(story)

    run.__name__, run.__doc__ = story.__name__, story.__doc__
    return run


@dataclass
class Client:
    """One WebSocket that knows nothing but frames."""

    socket: ClientConnection
    server: FakeServer
    name: str
    _ref: int = 0

    async def push(self, topic: str, event: str, payload: Any, join_ref: str | None = None) -> str:
        """Send a message with the next ref; returns the ref."""
        self._ref += 1
        message = [join_ref, str(self._ref), topic, event, payload]
        await self.socket.send(json.dumps(message))
        return str(self._ref)

    async def heartbeat(self) -> None:
        await self.push("phoenix", "heartbeat", {})

    async def join(self, topic: str, **payload: Any) -> str:
        """Send a join; returns its join_ref."""
        join_ref = str(self._ref + 1)
        body = {"config": {"broadcast": {"self": True, "ack": True}}, **payload}
        return await self.push(f"realtime:{topic}", "phx_join", body, join_ref)

    async def next(self, within_s: float = PATIENCE_S) -> Any:
        """The next frame as a list; None when nothing comes in time."""
        try:
            async with asyncio.timeout(within_s):
                return json.loads(await self.socket.recv())
        except TimeoutError:
            return None

    async def status(self, within_s: float = PATIENCE_S) -> Any:
        """The status in the next frame, which must be a reply; None when nothing comes."""
        frame = await self.next(within_s)
        return None if frame is None else frame[4]["status"]

    async def close_code(self, within_s: float = PATIENCE_S) -> int | None:
        """The code with which the connection ends; 1006 without a close frame, None in case it
        does not end."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    await self.socket.recv()
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            return 1006 if closed.rcvd is None else closed.rcvd.code


@dataclass
class Stage:
    """A running server, and everything that it told."""

    server: FakeServer
    truth: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def client(self, name: str = "alice", vsn: str = "2.0.0") -> Client:
        """Connect with a key of one's own."""
        uri = f"{self.server.url}/websocket?apikey={self.server.key(name)}&vsn={vsn}"
        socket = await connect(uri, ping_interval=None, proxy=None)
        return Client(socket, self.server, name)

    async def joined(self, name: str = "alice", topic: str = "room") -> Client:
        """A client that has joined a topic, with the join_ref "1"."""
        client = await self.client(name)
        await client.join(topic)
        assert await client.status() == "ok"
        return client

    def told(self, f: str) -> list[dict[str, Any]]:
        """What the truth said of one kind, in order."""
        return [value for kind, value in self.truth if kind == f]


@asynccontextmanager
async def stage(**config: Any) -> AsyncIterator[Stage]:
    """A server with these settings, stopped in the end."""
    loop = asyncio.get_running_loop()
    truth: list[tuple[str, dict[str, Any]]] = []

    def on_truth(f: str, value: Mapping[str, Any]) -> None:
        truth.append((f, dict(value)))

    server = FakeServer(ServerConfig(**config), on_truth, clock=lambda: _STARTED_S + loop.time())
    await server.start("server", 4000)
    try:
        yield Stage(server, truth)
    finally:
        await server.stop()
