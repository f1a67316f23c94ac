"""What the fake server is set up to be: its tenant, its secret, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fake_server.database.catalog import Schema
from fake_server.jwks import KeySet

_SECRET_BYTES_MIN = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The settings of one server; the defaults are those of supabase/realtime 2.129.8.

    Raises `ValueError`, naming the setting and the rule, for a value that cannot work.
    """

    tenant: str = "realtime-dev"
    """The project. A `Host` whose first label is this name reaches the bare server, which listens
    under `/socket`; every other is the gateway, under `/realtime/v1` (`protocol.md §1.1`)."""
    jwt_secret: str = field(
        default="super-secret-jwt-token-with-at-least-32-characters-long", repr=False
    )
    """Signs every token of ours, HS256, and checks those that name no key of `jwks`."""
    jwks: KeySet | None = None
    """More keys that tokens may be signed with: `KeySet.of({"keys": [...]})`."""
    jwt_claim_validators: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The value that a claim has to have where a token has it, by the claim's name: the real
    server's `JWT_CLAIM_VALIDATORS`. `exp` is looked at in its own way."""
    schema: Schema | None = field(default=None, repr=False)
    """The tables, users and row policies, from `schema.load`; None is the default file."""
    private_only: bool = False
    """Public channels are refused."""
    presence_enabled: bool = False
    """Every join gets a `presence_state`, also one that did not ask for presence."""
    suspended: bool = False
    """Nobody may connect or join."""
    users_max: int = 200
    """How many connections may have joined something (`protocol.md §7.3`)."""
    joins_per_s_max: int = 100
    """How many joins a second, on average (`protocol.md §7.4`)."""
    events_per_s_max: int = 100
    """How many messages and deliveries of them a second, on average."""
    presence_events_per_s_max: int = 1000
    """How many presences, and deliveries of them, a second, on average."""
    presence_calls_max: int = 5
    """How many presence calls one channel may make in a window (`protocol.md §5.5`)."""
    presence_window_s: float = 30.0
    """How long such a window is; it begins with its first call."""
    connect_error_delay_s: float = 2.0
    """How late a refused connection is answered (`protocol.md §1.2`)."""
    join_error_delay_s: float = 5.0
    """How late a refused join is answered; the whole socket waits (`protocol.md §2.5`)."""
    database_cold_s: float = 2.0
    """How late, up to a quarter more, subscriptions are made while the worker that reads the
    database is not up: for the first subscriber, and 10 minutes after the last one left."""
    db_pool: int = 1
    """How many connections look at row policies; as many failures in 30 s shut everybody out."""
    subscribe_s: float = 0.002
    """How long a subscription to changes takes the channel after its join was answered."""
    idle_timeout_s: float = 60.0
    """Silence after which a socket is closed with 1000, up to a tenth late (`protocol.md §1.6`)."""
    no_channel_timeout_s: float = 600.0
    """How often connections that have left all their channels are killed (`protocol.md §9`)."""
    token_check_interval_s: float = 300.0
    """How often at least a channel's token is looked at again (`protocol.md §6.5`)."""
    frame_bytes_max: int = 5_000_000
    """A larger frame closes the socket with 1009."""
    payload_kb_max: int = 3000
    """A larger broadcast is refused: × 1000 + 500 bytes of Erlang's format (`protocol.md §4.3`)."""
    channels_per_client_max: int = 100
    """How many channels one socket may join."""
    outbox_bytes_max: int = 100_000_000
    """What may wait for one client that does not read; beyond it the connection is dropped."""

    def trust(self, now_s: float) -> tuple[str, float, KeySet | None, Mapping[str, Any]]:
        """What a token of a Realtime client is held against, as `tokens.verify` takes it."""
        return self.jwt_secret, now_s, self.jwks, self.jwt_claim_validators

    def __post_init__(self) -> None:
        if len(self.jwt_secret.encode()) < _SECRET_BYTES_MIN:
            raise ValueError(
                f"jwt_secret: HS256 needs a secret of {_SECRET_BYTES_MIN} bytes or more"
            )
        if not self.tenant or "." in self.tenant:
            raise ValueError(f"tenant: {self.tenant!r} is no single DNS label")
        for name in (
            "connect_error_delay_s",
            "join_error_delay_s",
            "database_cold_s",
            "subscribe_s",
            "users_max",
            "joins_per_s_max",
            "events_per_s_max",
            "presence_events_per_s_max",
        ):
            self._check(name, getattr(self, name) >= 0, "is at least 0")
        for name in (
            "idle_timeout_s",
            "no_channel_timeout_s",
            "token_check_interval_s",
            "frame_bytes_max",
            "payload_kb_max",
            "presence_calls_max",
            "presence_window_s",
            "db_pool",
            "channels_per_client_max",
            "outbox_bytes_max",
        ):
            self._check(name, getattr(self, name) > 0, "is greater than 0")

    def _check(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            raise ValueError(f"{name}: {getattr(self, name)!r} is out of range; it {rule}")
