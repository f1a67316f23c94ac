"""The embedded Toxiproxy-compatible server, on whatever event loop runs it."""

from __future__ import annotations

import asyncio

from harness.toxiproxy.address import Address, listen, resolve, split
from harness.toxiproxy.api import Api
from harness.toxiproxy.collection import Proxies
from harness.toxiproxy.http import HttpConnection, RequestCounter
from harness.toxiproxy.metrics import Metrics


class ToxiproxyServer:
    """Serves the API at `host:port` (port 0: any free one) until `stop`.

    `seed` fixes every draw of every toxic, by proxy, connection and toxic name.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        seed: int,
        metrics: Metrics | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.proxies = Proxies(seed)
        self._api = Api(self.proxies, metrics)
        self._server: asyncio.AbstractServer | None = None
        self.connections: dict[HttpConnection, None] = {}

    async def start(self) -> None:
        """Listen; afterwards `port` is the real one. Raises `BadAddress` if it cannot."""
        counter = RequestCounter()
        address = await resolve(str(Address(self.host, self.port)))
        self._server, bound = await listen(
            lambda: HttpConnection(self._api, counter, self.connections), address
        )
        self.port = int(split(bound)[1])

    async def populate(self, text: bytes) -> None:
        """Create or replace the proxies of a JSON array, as `/populate` does.

        Raises `ApiError` for the first that cannot be; those before it stay.
        """
        await self._api.populate_into([], text)

    def stop(self) -> None:
        """Stop the API and every proxy; nothing is waited for."""
        if self._server:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()
        self.proxies.stop()
