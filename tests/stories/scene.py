"""Where a case is played: our server, a relay before it, and a proxy before that, of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from fake_server import FakeServer, ServerConfig
from fake_server.database import Schema
from fake_server.schema import load
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_proxy import Proxy
from harness.toxiproxy.off_loop import off_loop, within
from tests.stories.relay import Relay, Tell

RAISED: Mapping[str, int] = {
    "max_concurrent_users": 10_000,
    "max_joins_per_second": 10_000,
    "max_events_per_second": 100_000,
    "max_presence_events_per_second": 10_000,
    "max_channels_per_client": 1_000,
}
"""The tenant's limits before a case; the recordings raised them too."""
COLD_S = 2.2
"""How long after a restart the first client waits for its changes; 2.0 to 2.5 s were recorded."""
BOOT_S = 2.1
"""How long the real server takes from its start to its first answer; a script may say more."""
WARM_WITHIN_S = 20.0

_numbers = itertools.count(1)


class Scene:
    """A server, a relay and a proxy; a step of the script that is not the client's is done here."""

    def __init__(self, server: FakeServer, relay: Relay, proxy: Proxy, tell: Tell) -> None:
        self.server = server
        self.relay = relay
        self.proxy = proxy
        self._tell = tell
        self._ending: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self.proxy.listen.rpartition(':')[2]}/realtime/v1"

    @property
    def service_key(self) -> str:
        """May do everything."""
        return self.server.token("service", "service", 86_400, "service_role")

    def token(self, lifetime_s: float) -> str:
        """A user's token that is good for so long, in whole seconds, rounded up."""
        return self.server.token("user", "user", math.ceil(lifetime_s))

    # The proxy.

    async def add_toxic(self, type: str, stream: str, attributes: Mapping[str, int]) -> None:
        await off_loop(self.proxy.add_toxic, type, stream, attributes)
        self._tell("fault", "add toxic", {"type": type, "stream": stream, **attributes})

    async def remove_toxic(self, type: str, stream: str) -> None:
        await off_loop(self.proxy.remove_toxic, f"{type}_{stream}")
        self._tell("fault", "remove toxic", {"type": type, "stream": stream})

    async def disable(self) -> None:
        await off_loop(self.proxy.disable)
        self._tell("fault", "proxy disabled", None)

    async def enable(self) -> None:
        await off_loop(self.proxy.enable)
        self._tell("fault", "proxy enabled", None)

    # The server.

    async def tenant_set(self, **fields: Any) -> None:
        self.server.update_tenant(**fields)
        self._tell("fault", "tenant set", fields)

    async def tenant_reload(self) -> None:
        self.server.reload_tenant()
        self._tell("fault", "tenant reloaded", None)

    async def signal(self, signal: str) -> None:
        """Send it; the process takes its time to end."""
        end = self.server.terminate if signal == "TERM" else self.server.kill
        self._tell("fault", f"SIG{signal} to the server", None)
        self._ending = asyncio.create_task(self._end(end()))

    async def _end(self, end: Any) -> None:
        await end
        self._tell("fault", "server process gone", None)

    async def start(self) -> None:
        """Start the process again, once the one before is gone."""
        if self._ending is not None:
            await self._ending
        await self.server.start()
        self._tell("fault", "server listens", None)

    def insert_row(self, number: int) -> None:
        """One more todo."""
        statement = f"insert into todos (title, num) values ('row {number}', {number})"
        self.server.database.execute(statement, time.time())


@asynccontextmanager
async def setting(
    toxiproxy: Toxiproxy, name: str, upgrade_s: float, tell: Tell
) -> AsyncIterator[Scene]:
    """A scene with a warm server that takes so long for an upgrade; nothing of it is left
    afterwards."""
    server = FakeServer(ServerConfig(schema=_schema(), database_cold_s=COLD_S))
    server.update_tenant(**RAISED)
    await server.start()
    warm = asyncio.Event()
    warming = asyncio.create_task(_keep_warm(server, warm))
    relay = Relay(tell, server.port, upgrade_s)
    await relay.start()
    proxy_name = f"story-{name}-{next(_numbers)}"
    try:
        lent = toxiproxy.temporary_proxy(proxy_name, f"127.0.0.1:{relay.port}")
        async with within(lent) as proxy:
            async with asyncio.timeout(WARM_WITHIN_S):
                await warm.wait()
            yield Scene(server, relay, proxy, tell)
    finally:
        warming.cancel()
        await relay.stop()
        await server.stop()


@cache
def _schema() -> Schema:
    """The tables and policies of the tenant that was recorded."""
    return load(Path(__file__).parent.parent / "fake_server" / "golden_schema.toml")


async def _keep_warm(server: FakeServer, warm: asyncio.Event) -> None:
    """Somebody who listens to changes, as other clients of the recorded server did. When the
    server ends this connection it does not come back: after a restart the database is cold."""
    with suppress(OSError, WebSocketException):
        async with joined(server, "warm", changes=True) as socket:
            async for frame in socket:
                if "Subscribed to PostgreSQL" in str(frame):
                    warm.set()


@asynccontextmanager
async def joined(
    server: FakeServer, *topics: str, changes: bool = False
) -> AsyncIterator[ClientConnection]:
    """A plain connection, directly to the server, that has asked to join these topics."""
    url = f"{server.url}/websocket?apikey={server.apikey}&vsn=1.0.0"
    wanted = [{"event": "INSERT", "schema": "public", "table": "todos"}] if changes else []
    async with connect(url) as socket:
        for ref, topic in enumerate(topics, 1):
            config = {"broadcast": {"self": False}, "postgres_changes": wanted}
            await socket.send(
                json.dumps(
                    {
                        "topic": f"realtime:{topic}",
                        "event": "phx_join",
                        "ref": str(ref),
                        "join_ref": str(ref),
                        "payload": {"config": config},
                    }
                )
            )
        yield socket
