"""What people do with one tenant from Python: its addresses, keys, settings, levers and truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fake_server.config import ServerConfig
from fake_server.database import Database
from fake_server.database.catalog import OWNER
from fake_server.levers.board import Lever
from fake_server.project import Project, truth

_LOG = logging.getLogger("fake_server")


class Tenancy:
    """One tenant of a running server."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @property
    def config(self) -> ServerConfig:
        """The settings at present."""
        return self._project.config

    # Where it is, and who may use it.

    @property
    def url(self) -> str:
        """The address of the gateway, for clients."""
        return f"ws://{self._address}/realtime/v1"

    @property
    def http_url(self) -> str:
        """The base address of everything over HTTP, as `create_client` takes it."""
        return f"http://{self._address}"

    @property
    def _address(self) -> str:
        return self._project.house.address() + self._project.path

    @property
    def apikey(self) -> str:
        """The anonymous API key, good for ten years."""
        return self._project.keys.apikey

    def key(self, sub: str) -> str:
        """An anonymous API key that names its holder, so that the ground truth can."""
        return self._project.keys.key(sub)

    def token(
        self, sub: str, token_id: str, lifetime_s: float = 3600, role: str = "authenticated"
    ) -> str:
        """An access token; the ground truth calls it `token_id`."""
        return self._project.keys.token(sub, token_id, lifetime_s, role)

    @property
    def database(self) -> Database:
        """The project's tables: SQL, rows and what was written, as the clients find them."""
        return self._project.node.database

    def now_s(self) -> float:
        """Seconds since the epoch, as the tenant believes."""
        return self._project.shell.now_s()

    # Its settings.

    def update_tenant(self, **fields: Any) -> None:
        """Change settings of the tenant, with the names of the real server's API (`max_…`,
        `jwt_secret`, `private_only`, `suspend`, `presence_enabled`, …; `tenant.FIELDS`). Some
        disconnect everybody. Raises `BadTenant`, a `ValueError`, for what cannot be set."""
        self._project.update(fields)

    def reload_tenant(self) -> None:
        """What the admin API's `reload` does: every connection with a channel is closed."""
        self._project.shell.perform(self._project.node.disconnect_tenant())

    def shutdown_tenant(self) -> None:
        """What the admin API's `shutdown` does: the tenant's connection to its database starts
        anew, of which clients see nothing (recorded)."""
        _LOG.info("the tenant's database connection was restarted")

    # Levers.

    def pull(self, name: str, /, **parameters: Any) -> Lever:
        """Pull a lever of `docs/levers.md`, as `pull("late", delay_s=3, answers="phx_join")`; it
        stays pulled until `heal`, its own or the server's, or happens once.

        Raises `BadLever`, a `ValueError`, for an unknown lever, parameter or value.
        """
        return self._project.board.pull(name, parameters)

    @property
    def pulled(self) -> list[Lever]:
        """The levers that are not healed yet."""
        return self._project.board.pulled

    def heal(self) -> None:
        """Take every lever back that can be; what was muted or frozen for good stays so."""
        self._project.board.heal()

    async def drain(self, batch: int = 10_000, gap_s: float = 2.0, code: int = 1012) -> None:
        """Close the live connections with `code`, `batch` at a time with `gap_s` seconds between;
        new ones are accepted, as by another node. Raises `ValueError` for a batch below 1."""
        if batch < 1:
            raise ValueError(f"batch: {batch} connections cannot be closed at a time; at least 1")
        await self._project.shell.drain(self._project.node.connections, batch, gap_s, code)

    async def close_connections(self, code: int) -> None:
        """Close every live connection with this close code."""
        self.pull("close", code=code)

    def kill_connections(self) -> None:
        """The process of every live connection is killed, as when it holds more than 50 MB: gone
        without a close frame (`protocol.md §1.9`)."""
        self.pull("memory_kill")

    def mute_live(self) -> None:
        """The applications behind the live connections stop for good: WebSocket pings are answered,
        no Phoenix frame is sent ever again; new connections work."""
        self.pull("mute_live")

    def mute(self, on: bool) -> None:
        """The same for all connections, live and new, until it is taken back."""
        self._project.board.swap("mute_app", {} if on else None)

    def freeze_live(self) -> None:
        """Half-open: the live connections are neither read nor written ever again, not even for
        pongs, and stay open. The server counts them as idle and forgets them when their time is
        up; their peers are not told."""
        self.pull("freeze_live")

    def answer_joins_late(self, delay_s: float, count: int | None = None) -> None:
        """Answer the next `count` joins (None: all) after `delay_s`; the socket is blocked until
        then, and the order of the protocol is kept. 0 seconds ends it."""
        late = {"delay_s": delay_s, "count": count}
        self._project.board.swap("late_joins", late if delay_s else None)

    def refuse_upgrades(self, status: int | None, retry_after_s: int | None = None) -> None:
        """Refuse every upgrade at once with an HTTP status; None ends it."""
        refusal = {"status": status, "retry_after_s": retry_after_s}
        self._project.board.swap("http", None if status is None else refusal)

    def accept_then_close(self, code: int | None) -> None:
        """Let every handshake succeed and close at once with `code`; None ends it."""
        self._project.board.swap("accept_then_close", None if code is None else {"code": code})

    # What it does itself, and what it knows.

    def publish(self, topic: str, event: str, payload: Any) -> int:
        """Broadcast to the public channels of a sub-topic, as a REST call does; returns how many
        there are."""
        receivers, effects = self._project.node.publish(topic, event, payload, self.now_s())
        self._project.shell.perform(effects)
        return receivers

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Commit a row of JSON values to a table of schema `public`, as the owner of the database.

        Raises `DatabaseError`, as for a table that is not there.
        """
        database = self.database
        found = database.find_table(("public", table))
        database.insert(found, [row], OWNER, self.now_s(), returning=False)

    def membership(self) -> list[dict[str, Any]]:
        """Who is joined to what: conn, client, topic, join_ref, in order of arrival."""
        return self._project.node.membership()

    def truth(self) -> dict[str, Any]:
        """Everything that is known to be true of the tenant: who is connected and joined with which
        token (its `jti`), and the counts. Holds no secrets."""
        return {"now_s": self.now_s(), **truth([self._project])}
