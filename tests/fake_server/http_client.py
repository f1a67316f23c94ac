"""A plain HTTP client: one request, everything that came back; works in virtual time too."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h11

_GZIP = 31


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    raw_headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.raw_headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpConnection:
    """One connection, for one request after the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, host: str, port: int) -> HttpConnection:
        return cls(*await asyncio.open_connection(host, port))

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """Send a request and read the whole answer; raises `h11.RemoteProtocolError` when the
        connection ends before it."""
        client = h11.Connection(h11.CLIENT)
        given = {"host": "server", "connection": "keep-alive", **(headers or {})}
        if body:
            given.setdefault("content-length", str(len(body)))
        events = [h11.Request(method=method, target=target, headers=list(given.items()))]
        for event in (*events, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()):
            self.writer.write(client.send(event) or b"")
        return await self._read(client)

    async def _read(self, client: h11.Connection) -> Reply:
        head, body = None, b""
        while True:
            event = client.next_event()
            if event is h11.NEED_DATA:
                client.receive_data(await self.reader.read(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return _reply(head, body)

    def close(self) -> None:
        self.writer.close()


async def ask(
    host: str,
    port: int,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Reply:
    """One request on a connection of its own."""
    connection = await HttpConnection.open(host, port)
    try:
        return await connection.ask(method, target, headers, body)
    finally:
        connection.close()


def _reply(head: h11.Response, body: bytes) -> Reply:
    headers = tuple((name.decode(), value.decode()) for name, value in head.headers)
    if ("content-encoding", "gzip") in headers:
        body = zlib.decompress(body, wbits=_GZIP)
    return Reply(head.status_code, headers, body)
