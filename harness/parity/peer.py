"""A server that does nothing by itself: the kit holds its end of every connection in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.nemesis import CannotExpress, Lever

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Peer:
    """The server's ends, in the order in which they were accepted."""

    def __init__(self) -> None:
        self.host = ""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._accepted: asyncio.Queue[Streams] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    async def accept(self) -> Streams:
        """The server's end of the next connection."""
        return await self._accepted.get()

    def key(self, sub: str) -> str:
        """Nobody is asked who they are."""
        return sub

    def token(self, sub: str, token_id: str, lifetime_s: float = 3600) -> str:
        """Nobody is asked who they are."""
        return token_id

    async def start(self, host: str, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._take, host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Vanish."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def pull(self, name: str, /, **parameters: Any) -> Lever:
        """It has no levers."""
        raise CannotExpress(f"the kit's server has no lever {name!r}")

    def publish(self, topic: str, event: str, payload: dict[str, Any]) -> int:
        """Nobody is joined."""
        return 0

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """It has no tables."""
        raise CannotExpress(f"the kit's server has no table {table!r}")

    def membership(self) -> list[dict[str, Any]]:
        """Nobody is joined."""
        return []

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._accepted.put_nowait((reader, writer))
