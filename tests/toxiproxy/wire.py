"""What the tests of the proxy share: a running server, plain HTTP, an upstream that echoes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from harness.toxiproxy.metrics import Metrics
from harness.toxiproxy.server import ToxiproxyServer

PATIENCE_S = 10.0
"""How long a test waits for what must come; a passing test never comes near it."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it came; header names in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Wire:
    """A running server and the calls that tests make."""

    server: ToxiproxyServer

    async def raw(self, request: bytes) -> bytes:
        """Send bytes, and read until the server closes."""
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(self.server.host, self.server.port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            return answer

    async def request(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request on a connection of its own."""
        data = body.encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(data)}"] if data else []
        return _parse(await self.raw("\r\n".join([*lines, "", ""]).encode() + data))

    async def ok(self, method: str, path: str, value: Any = None) -> Any:
        """A request that must succeed, and what it answers."""
        answer = await self.request(method, path, "" if value is None else json.dumps(value))
        assert 200 <= answer.status < 300, answer
        return answer.json() if answer.body else None

    async def proxy(self, upstream: int, name: str = "p") -> int:
        """Create a proxy before a port, and its own port."""
        asked = {"name": name, "upstream": f"127.0.0.1:{upstream}", "listen": "127.0.0.1:0"}
        proxy = await self.ok("POST", "/proxies", asked)
        return int(proxy["listen"].rpartition(":")[2])

    async def toxic(self, type: str, stream: str = "downstream", **attributes: int) -> Any:
        """Add a toxic to the proxy `p`."""
        asked = {"type": type, "stream": stream, "attributes": attributes}
        return await self.ok("POST", "/proxies/p/toxics", asked)


@asynccontextmanager
async def running(seed: int = 1, metrics: Metrics | None = None) -> AsyncIterator[Wire]:
    """A server on a free port."""
    server = ToxiproxyServer(seed=seed, metrics=metrics)
    await server.start()
    try:
        yield Wire(server)
    finally:
        server.stop()
        await asyncio.sleep(0)


@asynccontextmanager
async def upstream(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """A server behind the proxy, and its port."""
    tasks: dict[asyncio.Task[None], None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks[task] = None
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the test is over, or the proxy has ended the connection
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back whatever comes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of a port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield reader, writer
    finally:
        writer.close()


def _parse(answer: bytes) -> Response:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    _, status, reason = first.split(" ", 2)
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Response(int(status), reason, headers, body.decode())
