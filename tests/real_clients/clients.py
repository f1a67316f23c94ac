"""One face for the official clients: commands in, callbacks out, whatever language they speak."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from realtime import AsyncRealtimeChannel, AsyncRealtimeClient

from fake_server import FakeServer, ServerConfig

PATIENCE_S = 15.0
"""How long a callback may take: the clients reconnect with delays of their own."""
_HERE = Path(__file__).parent
_NODE = _HERE / "node_modules" / ".bin" / "node"

Callback = tuple[str, list[Any]]
"""Which callback, and its arguments as JSON."""


class Callbacks:
    """What a client was called back with, in order."""

    def __init__(self) -> None:
        self.all: list[Callback] = []
        self._another = asyncio.Event()

    def add(self, cb: str, args: list[Any]) -> None:
        self.all.append((cb, args))
        self._another.set()

    def count(self, cb: str, args: tuple[Any, ...] = ()) -> int:
        """How many there are of this name whose arguments begin like these."""
        return sum(name == cb and got[: len(args)] == list(args) for name, got in self.all)

    def args(self, cb: str) -> list[list[Any]]:
        """The arguments of each callback of this name."""
        return [args for name, args in self.all if name == cb]

    async def another(self) -> None:
        self._another.clear()
        await self._another.wait()


class RealClient(Protocol):
    """An official client that is told what to do and tells what it was called back with."""

    name: str
    seen: Callbacks

    async def open(self, server: FakeServer) -> None:
        """Make the client; where the library wants it, connect."""

    async def do(self, command: str, **options: Any) -> None:
        """One of: subscribe, send, track, untrack, set_auth, unsubscribe, disconnect."""

    async def end(self) -> None:
        """Leave nothing behind."""


@asynccontextmanager
async def serving(
    client: RealClient, config: ServerConfig | None = None
) -> AsyncIterator[tuple[FakeServer, RealClient]]:
    """A server on a real socket, and a client that has opened; both are gone in the end."""
    server = FakeServer(config)
    await server.start()
    try:
        await client.open(server)
        yield server, client
    finally:
        await client.end()
        await server.stop()


async def until(client: RealClient, cb: str, *args: Any, count: int = 1) -> None:
    """Wait for the `count`th callback of this name whose arguments begin like these."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while client.seen.count(cb, args) < count:
                await client.seen.another()
    except TimeoutError:
        raise AssertionError(
            f"{client.name} was not called back with {cb} {list(args)} {count} times; "
            f"it was called back with {client.seen.all}"
        ) from None


class NodeClient:
    """A client in JavaScript, in a child process."""

    def __init__(self, script: str, vsn: str) -> None:
        self.name = f"{script} {vsn}"
        self.seen = Callbacks()
        self._script = script
        self._vsn = vsn
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def open(self, server: FakeServer) -> None:
        """Start Node and make the client in it."""
        self._process = await asyncio.create_subprocess_exec(
            node(),
            str(_HERE / self._script),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        await self.do("open", url=server.url, apikey=server.apikey, vsn=self._vsn)

    async def do(self, command: str, **options: Any) -> None:
        """Hand a command over; what comes of it is a callback."""
        assert self._process is not None
        assert self._process.stdin is not None
        line = json.dumps({"do": command, **options}) + "\n"
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()

    async def end(self) -> None:
        """The driver ends with its input."""
        if self._process is None or self._reader is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._reader
        assert await self._process.wait() == 0, f"{self.name} crashed"

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            self.seen.add(told["cb"], told["args"])


class PythonClient:
    """`realtime`, in this process."""

    name = "realtime"

    def __init__(self) -> None:
        self.seen = Callbacks()
        self._client: AsyncRealtimeClient | None = None
        self._channel: AsyncRealtimeChannel | None = None

    async def open(self, server: FakeServer) -> None:
        """Connect, as the README of the library does."""
        self._client = AsyncRealtimeClient(server.url, token=server.apikey)
        await self._client.connect()

    async def do(self, command: str, **options: Any) -> None:
        """The library's own methods, with its own names for things."""
        await getattr(self, f"_{command}")(**options)

    async def end(self) -> None:
        """Close the socket; the library ends its tasks with it."""
        if self._client is not None:
            await self._client.close()

    def _tell(self, cb: str) -> Callable[..., None]:
        def called(*args: Any) -> None:
            self.seen.add(cb, [_readable(arg) for arg in args])

        return called

    async def _subscribe(
        self, topic: str, key: str, changes: list[dict[str, str]], **config: Any
    ) -> None:
        assert self._client is not None
        broadcast = {"ack": True, "self": True}
        presence = {"key": key, "enabled": True}
        config = {"broadcast": broadcast, "presence": presence, "private": False, **config}
        channel = self._client.channel(topic, {"config": config})
        channel.on_broadcast("ev", self._tell("broadcast"))
        channel.on_system(self._tell("system"))
        channel.on_presence_sync(self._tell("sync"))
        channel.on_presence_join(self._tell("join"))
        channel.on_presence_leave(self._tell("leave"))
        for change in changes:
            channel.on_postgres_changes(**change, callback=self._tell("pg"))
        self._channel = channel
        await channel.subscribe(self._tell("subscribe"))

    async def _send(self, payload: Any) -> None:
        assert self._channel is not None
        await self._channel.send_broadcast("ev", payload)

    async def _track(self, payload: Any) -> None:
        assert self._channel is not None
        await self._channel.track(payload)

    async def _untrack(self) -> None:
        assert self._channel is not None
        await self._channel.untrack()

    async def _set_auth(self, token: str) -> None:
        assert self._client is not None
        await self._client.set_auth(token)

    async def _unsubscribe(self) -> None:
        assert self._channel is not None
        await self._channel.unsubscribe()

    async def _disconnect(self) -> None:
        assert self._client is not None
        await self._client.close()


def _readable(value: Any) -> Any:
    """As the recording wrote it: JSON values as they are, everything else as its text."""
    if isinstance(value, str):
        return str(value.value) if hasattr(value, "value") else value
    if isinstance(value, dict):
        return {key: _readable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    return value if isinstance(value, int | float | None) else str(value)


def node() -> str:
    """The Node that the npm package `node` brings; without it, fail in CI and skip elsewhere."""
    if not _NODE.exists():
        missing = "unknown: the JavaScript clients are not installed: run `make node`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return str(_NODE)
