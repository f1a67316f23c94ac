"""The embedded Toxiproxy-compatible server, on whatever event loop runs it."""

from __future__ import annotations

import asyncio

from harness.toxiproxy.api import Api
from harness.toxiproxy.collection import Proxies
from harness.toxiproxy.http import HttpConnection, RequestCounter


class ToxiproxyServer:
    """Serves the API at `host:port` (port 0: any free one) until `stop`.

    `seed` fixes every draw of every toxic, by proxy, connection and toxic name.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, seed: int) -> None:
        self.host = host
        self.port = port
        self.proxies = Proxies(seed)
        self._server: asyncio.AbstractServer | None = None
        self._connections: dict[HttpConnection, None] = {}

    async def start(self) -> None:
        """Listen; afterwards `port` is the real one. Raises `OSError` if it is taken."""
        api, counter = Api(self.proxies), RequestCounter()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HttpConnection(api, counter, self._connections), self.host, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop the API and every proxy; nothing is waited for."""
        if self._server:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()
        self.proxies.stop()
