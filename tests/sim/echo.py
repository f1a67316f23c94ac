"""The smallest programs that use the network: raw TCP ends that write down what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from harness.sim import SimLoop, run

T = TypeVar("T")

PORT = 4000


class Recorder(asyncio.Protocol):
    """Keeps every call with its time, in words."""

    def __init__(self, echo: bool = False, keeps_half_open: bool = False) -> None:
        self._echo = echo
        self._keeps_half_open = keeps_half_open
        self.transport: asyncio.Transport
        self._received = bytearray()
        self.arrivals_s: list[float] = []
        self.events: list[str] = []
        self.gone: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    @property
    def received(self) -> bytes:
        return bytes(self._received)

    @property
    def received_bytes(self) -> int:
        return len(self._received)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.events.append("made")

    def data_received(self, data: bytes) -> None:
        self._received += data
        self.arrivals_s.append(asyncio.get_running_loop().time())
        if self._echo:
            self.transport.write(data)

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self._keeps_half_open

    def pause_writing(self) -> None:
        self.events.append("paused")

    def resume_writing(self) -> None:
        self.events.append("resumed")

    def connection_lost(self, error: Exception | None) -> None:
        self.events.append(f"lost({type(error).__name__}, {getattr(error, 'errno', None)})")
        self.gone.set_result(error)


class Pair:
    """A server, and the connections that a test dials to it one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, echo: bool = False) -> None:
        self._loop = loop
        self._echo = echo
        self._accepted: asyncio.Queue[Recorder] = asyncio.Queue()
        self.server: asyncio.AbstractServer

    async def listen(self) -> None:
        self.server = await self._loop.create_server(self._accept, "server", PORT)

    async def dial(self) -> tuple[Recorder, Recorder]:
        """A new connection: its client end and its server end."""
        _, client = await self._loop.create_connection(Recorder, "server", PORT)
        return client, await self._accepted.get()

    def _accept(self) -> Recorder:
        end = Recorder(self._echo)
        self._accepted.put_nowait(end)
        return end


def play(
    body: Callable[[SimLoop, Pair], Coroutine[Any, Any, T]], *, seed: int = 0, echo: bool = False
) -> T:
    """Run `body` in a simulation where a server listens, for an hour at most."""

    async def main(loop: SimLoop) -> T:
        pair = Pair(loop, echo)
        await pair.listen()
        return await body(loop, pair)

    return run(main, seed=seed, limit_s=3600)
