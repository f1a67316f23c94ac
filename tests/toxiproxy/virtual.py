"""A proxy between a client and an upstream in virtual time, and what both of them saw when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from harness.sim import Link, SimLoop, run
from harness.toxiproxy.api import Answer, Api
from harness.toxiproxy.collection import Proxies

UPSTREAM_PORT, PROXY_PORT = 4000, 5000
PATIENCE_S = 3600.0

Toxics = Mapping[str, Mapping[str, int]]
"""`type` or `type upstream` → attributes; downstream unless it says so."""


class Peer(asyncio.Protocol):
    """One end of a connection. Keeps what it saw with the virtual time of it."""

    def __init__(self, loop: SimLoop, on_data: Callable[[Peer, bytes], None] | None = None) -> None:
        self._loop = loop
        self._on_data = on_data
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()
        self.began_s = loop.time()
        self.pieces: list[tuple[float, bytes]] = []
        self._bytes = 0
        self.ended: str | None = None
        self.ended_s = 0.0

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def data(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    @property
    def sizes(self) -> list[int]:
        return [len(piece) for _, piece in self.pieces]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.pieces.append((self._loop.time(), data))
        self._bytes += len(data)
        self._changed.set()
        if self._on_data:
            self._on_data(self, data)

    def eof_received(self) -> None:
        self._end("FIN")

    def connection_lost(self, error: Exception | None) -> None:
        self._end("ECONNRESET" if isinstance(error, ConnectionResetError) else "FIN")

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    async def got(self, size: int) -> float:
        """When so many bytes had come, in seconds of the loop."""
        await self._until(lambda: self._bytes >= size)
        return self.pieces[-1][0]

    async def end(self) -> str:
        """How the connection ended: FIN or ECONNRESET."""
        await self._until(lambda: self.ended is not None)
        assert self.ended is not None
        return self.ended

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def _end(self, how: str) -> None:
        if self.ended is None:
            self.ended, self.ended_s = how, self._loop.time()
        self._changed.set()


class World:
    """The API, one proxy `p`, its upstream, and clients of it."""

    def __init__(self, loop: SimLoop, seed: int) -> None:
        self.loop = loop
        self.proxies = Proxies(seed)
        self.upstreams: list[Peer] = []
        self.on_data: Callable[[Peer, bytes], None] | None = None
        self._api = Api(self.proxies)

    async def start(self) -> None:
        self.loop.net.up = self.loop.net.down = Link(latency_s=0, jitter_s=0)
        await self.loop.create_server(self._accept, "127.0.0.1", UPSTREAM_PORT)
        asked = {
            "name": "p",
            "listen": f"127.0.0.1:{PROXY_PORT}",
            "upstream": f"127.0.0.1:{UPSTREAM_PORT}",
        }
        await self.call("POST", "/proxies", asked)

    async def call(self, method: str, path: str, value: Any = None) -> Answer:
        """A call of the API that must succeed."""
        answer = await self._api.answer(method, path, "", json.dumps(value or {}).encode())
        assert answer.status < 300, answer
        return answer

    async def toxics(self, toxics: Toxics) -> None:
        """Add toxics, in their order."""
        for name, attributes in toxics.items():
            kind, _, stream = name.partition(" ")
            asked = {"type": kind, "stream": stream or "downstream", "attributes": attributes}
            await self.call("POST", "/proxies/p/toxics", asked)

    async def update(self, name: str, **attributes: int) -> None:
        await self.call("PATCH", f"/proxies/p/toxics/{name}", {"attributes": attributes})

    async def remove(self, name: str) -> None:
        await self.call("DELETE", f"/proxies/p/toxics/{name}")

    async def client(self) -> Peer:
        """A client that is through to an upstream of its own, `self.upstreams[-1]`."""
        _, peer = await self.loop.create_connection(
            lambda: Peer(self.loop), "127.0.0.1", PROXY_PORT
        )
        await asyncio.sleep(0.001)
        peer.began_s = self.loop.time()
        return peer

    def ms(self, since_s: float, until_s: float | None = None) -> float:
        """Virtual milliseconds, the microseconds of the simulated wires left out."""
        return round(((self.loop.time() if until_s is None else until_s) - since_s) * 1000, 1)

    def _accept(self) -> Peer:
        peer = Peer(self.loop, self.on_data)
        self.upstreams.append(peer)
        return peer


def echo(peer: Peer, data: bytes) -> None:
    """Send back what comes."""
    peer.send(data)


def virtually(story: Callable[[World], Awaitable[Any]], seed: int = 1) -> Any:
    """Run a story in a simulation of its own."""

    async def main(loop: SimLoop) -> Any:
        world = World(loop, seed)
        await world.start()
        try:
            return await story(world)
        finally:
            world.proxies.stop()
            await asyncio.sleep(1)

    return run(main, seed=seed)
