"""The server that a case is replayed against: ours, started for it, or any at an address."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from fake_server import FakeServer, ServerConfig
from fake_server.database import DatabaseError, Schema
from fake_server.schema import load
from tests.golden_replay.transcript import Case

_PORTS = {"http": 80, "ws": 80}


class Unable(Exception):
    """A step that this target cannot do; says which and why."""


class Target(Protocol):
    """What a replay needs beside sockets: the doings that no client of the server can do."""

    host: str
    port: int

    def now_s(self) -> float:
        """What the server's clock shows, seconds since the epoch."""

    async def sql(self, statement: str) -> None:
        """Run a statement in the tenant's database. Raises `Unable`."""

    async def tenant_update(self, changed: Mapping[str, Any]) -> None:
        """Change settings of the tenant. Raises `Unable`."""

    async def action(self, do: str, details: Mapping[str, Any]) -> None:
        """What an operator does: `server_signal`, `tenant_reload`, … Raises `Unable`."""

    async def stop(self) -> None:
        """The case is over."""


_SETTINGS_S = {
    "CONNECT_ERROR_BACKOFF_MS": "connect_error_delay_s",
    "CHANNEL_ERROR_BACKOFF_MS": "join_error_delay_s",
    "NO_CHANNEL_TIMEOUT_IN_MS": "no_channel_timeout_s",
}
"""Our names of the settings that a case's note may tell."""

_ACTIONS = {
    ("server_signal", "TERM"): "terminate",
    ("server_signal", "KILL"): "kill",
    ("tenant_reload", None): "reload_tenant",
    ("tenant_shutdown", None): "shutdown_tenant",
}
"""What each action is called in our server."""


class FakeTarget:
    """A server of ours on the running loop, whose clock shows the time of the recording."""

    def __init__(self, server: FakeServer, started_s: float) -> None:
        self.server = server
        self.host, self.port = server.host, server.port
        self._started_s = started_s

    @classmethod
    async def start(cls, case: Case) -> FakeTarget:
        """Start one for a case. Raises `Unable` for settings that it does not have."""
        loop = asyncio.get_running_loop()
        offset_s = case.started_s - loop.time()
        server = FakeServer(_config(case), clock=lambda: offset_s + loop.time())
        await server.start("server", 4000)
        return cls(server, offset_s)

    def now_s(self) -> float:
        return self._started_s + asyncio.get_running_loop().time()

    async def sql(self, statement: str) -> None:
        try:
            self.server.database.execute(statement, self.now_s())
        except DatabaseError as error:
            raise Unable(f"{statement}: {error}") from error

    async def tenant_update(self, changed: Mapping[str, Any]) -> None:
        await _call(self.server, "update_tenant", **changed)

    async def action(self, do: str, details: Mapping[str, Any]) -> None:
        name = _ACTIONS.get((do, details.get("signal")))
        if name is None:
            raise Unable(f"our server has no {do}")
        await _call(self.server, name)

    async def stop(self) -> None:
        await self.server.stop()


async def _call(owner: object, name: str, *args: Any, **kwargs: Any) -> None:
    method = getattr(owner, name, None)
    if method is None:
        raise Unable(f"our server has no {name}")
    try:
        result = method(*args, **kwargs)
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        # Whatever goes wrong inside our server is a difference of this case, not the end of all.
        raise Unable(f"{name}: {type(error).__name__}: {error}") from error


@cache
def _recorded_schema() -> Schema:
    """The tables and policies of the tenant that was recorded."""
    return load(Path(__file__).parent.parent / "fake_server" / "golden_schema.toml")


def _config(case: Case) -> ServerConfig:
    known = {field.name for field in fields(ServerConfig)}
    # Most cases were recorded while the tenant's worker was up, and how long it took is no fact.
    settings: dict[str, Any] = {"schema": _recorded_schema(), "database_cold_s": 0.0}
    for name, value_ms in case.settings_ms.items():
        ours = _SETTINGS_S.get(name)
        if ours not in known:
            raise Unable(f"our server has no setting {name}")
        settings[ours] = value_ms / 1000
    return ServerConfig(**settings)


class UrlTarget:
    """A running server, reached over real sockets: all that its clients can do, and no more."""

    def __init__(self, url: str) -> None:
        """Raises `ValueError` for what is no `http://` or `ws://` address."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or parts.hostname is None:
            raise ValueError(f"{url!r} is no address of a server; write http://127.0.0.1:4000")
        self.host = parts.hostname
        self.port = parts.port or _PORTS[parts.scheme]

    def now_s(self) -> float:
        return time.time()

    async def sql(self, statement: str) -> None:
        raise Unable(f"no database is known for {self.host}:{self.port}")

    async def tenant_update(self, changed: Mapping[str, Any]) -> None:
        raise Unable(f"no tenant can be changed at {self.host}:{self.port}")

    async def action(self, do: str, details: Mapping[str, Any]) -> None:
        raise Unable(f"{do} cannot be done to {self.host}:{self.port}")

    async def stop(self) -> None:
        """Nothing was started."""
