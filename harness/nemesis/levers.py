"""What the nemesis can pull in one run: the network's levers and the server's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

Heal = Callable[[], Awaitable[None]]
"""Takes a fault back."""


class CannotExpress(Exception):
    """This world has no means to make that fault; the storm is *not applicable* there."""


class Network(Protocol):
    """What can go wrong between the clients and the server.

    Each lever may raise `CannotExpress` in a world that lacks the means.
    """

    async def cut(self) -> Heal:
        """Nothing passes in either direction, connects included; nobody is told."""

    async def refuse(self) -> Heal:
        """Live connections end and new ones are refused."""

    async def reset(self) -> None:
        """Every live connection is reset once; new ones work."""

    async def silence_live(self) -> None:
        """Live connections are silent for good and nobody is told; new ones work."""

    async def slow(self, latency_s: float, jitter_s: float, bytes_per_s: float | None) -> Heal:
        """What the server sends arrives late, and no faster than `bytes_per_s` a connection."""


class Server(Protocol):
    """The server of a run: how to reach it, how to break it, and what it knows to be true."""

    @property
    def host(self) -> str:
        """Where it listens."""

    @property
    def port(self) -> int:
        """The port, kept over a restart."""

    def key(self, sub: str) -> str:
        """An API key that names its holder, so that the ground truth can."""

    def token(self, sub: str, token_id: str, lifetime_s: float = 3600) -> str:
        """An access token that the server can tell from every other by `token_id`."""

    async def start(self, host: str, port: int) -> None:
        """Listen, at first or again."""

    async def stop(self) -> None:
        """Vanish: no listener, connections gone without a close frame, joins forgotten."""

    async def drain(self, batch: int, gap_s: float, code: int = 1012) -> None:
        """Close the live connections in batches; new ones are accepted."""

    async def close_connections(self, code: int) -> None:
        """Close every live connection with a close code."""

    def mute_live(self) -> None:
        """Live connections never hear a Phoenix frame again; WebSocket pings are answered."""

    def freeze_live(self) -> None:
        """Live connections are neither read nor written for good, not even pings; new ones work."""

    def answer_joins_late(self, delay_s: float, count: int | None) -> None:
        """Answer the next `count` joins (None: all) after `delay_s`; 0 seconds ends it."""

    def refuse_upgrades(self, status: int | None, retry_after_s: int | None = None) -> None:
        """Refuse WebSocket upgrades with an HTTP status; None ends it."""

    def accept_then_close(self, code: int | None) -> None:
        """Complete each handshake, then close at once with `code`; None ends it."""

    def publish(self, topic: str, event: str, payload: dict[str, Any]) -> int:
        """Broadcast as a REST call would; returns how many channels it went to."""

    def membership(self) -> list[dict[str, Any]]:
        """Who is joined to what: conn, client, topic, join_ref."""


@dataclass(frozen=True, slots=True)
class Levers:
    """What the nemesis can pull in one run."""

    network: Network
    server: Server
