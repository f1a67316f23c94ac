"""The settings of a manager and of a channel: frozen, documented here, checked when made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from harness.manager.backoff import ReconnectLadder, ReconnectPolicy, RejoinLadder, RejoinPolicy
from harness.manager.changes import ChangeBinding
from harness.manager.errors import InvalidSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a manager behaves. The defaults are meant for production against Supabase Realtime.

    Raises `InvalidSetting` for a value that cannot work.
    """

    heartbeat_interval_s: float = 25.0
    """Between two heartbeats; the server closes a socket that was silent for 60 s (§1.6)."""
    heartbeat_timeout_s: float = 5.0
    """Silence after a heartbeat that counts as a dead link. Must be under the interval."""
    wake_timeout_s: float = 1.5
    """The same after this process stood still (a laptop slept, the loop was blocked): a heartbeat
    goes out at once, and a link that died meanwhile is found within 2 s."""
    open_timeout_s: float = 10.0
    """For TCP, TLS and the WebSocket handshake together."""
    close_timeout_s: float = 0.5
    """How long `close()` waits for the peer's part of the closing handshake."""
    join_timeout_s: float = 10.0
    """An unanswered join is given up after this, and a leave is sent for it."""
    join_silence_max_s: float = 22.0
    """Silence after a join that counts as a dead link. The slowest join of a server that lives
    takes 20 s: 15 s for its database, and 5 s before it says that it failed (§2.5)."""
    leave_timeout_s: float = 5.0
    """`unsubscribe()` waits no longer than this for the server's answer; then it is repeated."""
    leaves_max: int = 6
    """How often a leave is said before it is given up."""
    joins_per_s: float = 80.0
    """Joins are spaced to this rate: 80 % of the server's default limit (§7.2)."""
    stable_after_s: float = 10.0
    """A link, or a channel, must have lived this long for its failures to be forgotten."""
    reconnect: ReconnectPolicy = field(default_factory=ReconnectLadder)
    """When to dial again."""
    rejoin: RejoinPolicy = field(default_factory=RejoinLadder)
    """When to join again on a link that stands."""
    send_buffer_max: int = 100
    """Messages that may wait in one channel until they can be written."""
    send_buffer_bytes_max: int = 1_000_000
    """Payload bytes that may wait in one channel."""
    in_flight_max: int = 100
    """Messages of one channel that may be written and not yet answered; more of them wait."""
    write_backlog_bytes_max: int = 1_000_000
    """Bytes that may wait for the socket before broadcasts are held back."""
    message_bytes_max: int = 5_000_000
    """The largest message that is accepted from the server."""
    inbound_queue_max: int = 1_000
    """Messages that may wait for one channel's callback; then the newest are dropped, visibly."""
    feed_confirm_ladder_s: Sequence[float] = (20.0, 40.0, 80.0, 160.0, 320.0, 600.0)
    """How long a joined channel waits for the server to subscribe it to changes, until it is joined
    again; the next step each time in a row, and half as much more at random. The server tries again
    by itself, after 5 to 10 s where its database was slow (§3.4), and takes 8 s when it is cold."""
    feed_silence_ladder_s: Sequence[float] = (60.0, 120.0, 300.0, 600.0)
    """How long a feed may bring no change until its channel is joined again, for a feed dies
    without a word (§9, 4 to 7); the next step each time that brought none either, and half as much
    more at random. Broadcasts are missed in the moment of that join. Empty: a quiet feed is trusted
    for ever."""
    feed_lag_max_s: float = 7.0
    """How late a change may be read after its commit: 0.5 s where all is well, 5 s while the server
    has trouble reading its database (§3.6, §9), and 2 s that this process may stand still
    unnoticed. A `FeedGap` begins so much before the last sign."""
    broadcast_lag_max_s: float = 3.0
    """How late a broadcast may be read after it was sent: the way through the server, and 2 s that
    this process may stand still unnoticed. A `Gap` begins so much before the last sign of life."""

    def __post_init__(self) -> None:
        """Check each number, and that a heartbeat can be judged before the next is due."""
        for item in fields(self):
            _check_positive(item.name, getattr(self, item.name))
        if not self.feed_confirm_ladder_s:
            raise InvalidSetting("feed_confirm_ladder_s must have a step at least")
        if self.heartbeat_timeout_s >= self.heartbeat_interval_s:
            raise InvalidSetting(
                f"heartbeat_timeout_s={self.heartbeat_timeout_s} must be less than "
                f"heartbeat_interval_s={self.heartbeat_interval_s}: change one of them"
            )


def _check_positive(name: str, value: object) -> None:
    if isinstance(value, tuple | list):
        for step in value:
            _check_positive(name, step)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not (math.isfinite(value) and value > 0):
        raise InvalidSetting(f"{name}={value} must be a finite number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """What a channel asks of the server when it joins (`protocol.md §2.1`).

    Raises `InvalidSetting` for what no join can carry.
    """

    ack: bool = True
    """Have the server answer each broadcast. Without it no send can be reported as acked."""
    receive_own: bool = False
    """Receive one's own broadcasts too (the protocol's `self`)."""
    changes: Sequence[ChangeBinding] = ()
    """Which changes of tables `on_change` is called with; none unless it is said."""
    private: bool = False
    """Join under the project's row-level policies; needs a token that they allow."""

    def __post_init__(self) -> None:
        """Check each field, and keep the bindings as they are now."""
        for name in ("ack", "receive_own", "private"):
            _check_bool(name, getattr(self, name))
        object.__setattr__(self, "changes", _bindings(self.changes))


def _check_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidSetting(f"{name}={value!r} must be True or False")


def _bindings(value: object) -> tuple[ChangeBinding, ...]:
    rule = "must be a list of ChangeBinding: write changes=[ChangeBinding(table=...)]"
    if not isinstance(value, list | tuple):
        raise InvalidSetting(f"changes={value!r} {rule}")
    for place, binding in enumerate(value):
        if not isinstance(binding, ChangeBinding):
            raise InvalidSetting(f"changes[{place}]={binding!r} is none: changes {rule}")
    return tuple(value)
