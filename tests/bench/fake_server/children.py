"""The servers that are measured, each in a process of its own: `… children fake|bare`.

Prints its port and a key as one line of JSON, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from fake_server import FakeServer, ServerConfig

_UNLIMITED = ServerConfig(
    users_max=1_000_000, joins_per_s_max=1_000_000, events_per_s_max=1_000_000_000
)
_REPLY = json.dumps(["1", "1", "realtime:room", "phx_reply", {"status": "ok", "response": {}}])


async def _fake() -> None:
    server = FakeServer(_UNLIMITED)
    await server.start()
    await _until_stdin_closes(server.port, server.apikey)


async def _bare() -> None:
    """What one would write without a protocol: everything from one connection to all others."""
    joined: dict[ServerConnection, None] = {}

    async def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await serve_one(connection)
        joined.pop(connection, None)

    async def serve_one(connection: ServerConnection) -> None:
        async for message in connection:
            if isinstance(message, str) and "phx_join" in message:
                joined[connection] = None
                await connection.send(_REPLY)
            else:
                broadcast([other for other in joined if other is not connection], message)

    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await _until_stdin_closes(port, "none")


async def _until_stdin_closes(port: int, key: str) -> None:
    print(json.dumps({"port": port, "key": key}), flush=True)
    await asyncio.to_thread(os.read, sys.stdin.fileno(), 1)


if __name__ == "__main__":
    asyncio.run({"fake": _fake, "bare": _bare}[sys.argv[1]]())
