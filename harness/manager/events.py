"""What the manager tells its owner: one small dataclass an event, each saying when it is fired."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a manager. No event carries a payload, key or token."""


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """Fired when the handshake is done; channels join now."""


@dataclass(frozen=True, slots=True)
class Lost(Event):
    """Fired when a link that was connected is dead or closed; dialling goes on by itself."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class DialFailed(Event):
    """Fired when an attempt to connect failed; dialling goes on by itself."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Rejected(DialFailed):
    """Fired instead when the server refused the key (HTTP 401, 403): retries alone cannot help."""

    http_status: int


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """Fired when the application closed the manager."""


@dataclass(frozen=True, slots=True)
class ChannelEvent(Event):
    """Something that happened to one channel."""

    topic: str
    """As given to `subscribe`: without the `realtime:` prefix."""


@dataclass(frozen=True, slots=True)
class Joined(ChannelEvent):
    """Fired when the server accepted the current join, the first one and each one after a loss."""


@dataclass(frozen=True, slots=True)
class JoinFailed(ChannelEvent):
    """Fired when a join was refused or not answered in time; it is tried again by itself."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class ChannelLost(ChannelEvent):
    """Fired when a joined channel is no longer joined; it is joined again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gap(ChannelEvent):
    """Fired right after `Joined` when the channel had been joined before.

    Messages sent in this interval of the loop's clock may be missing. It begins
    `Config.broadcast_lag_max_s` before the last sign of life, for a link is dead before anybody
    notices; what is read after a standstill of this process counts as a sign from before it, until
    the server answers anew. A clock that was set back counts on here from where it stood.
    """

    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class FeedLive(ChannelEvent):
    """Fired when changes of tables are delivered from now on: not with `Joined`, but seconds later.

    Whoever shows a table reads it after this. It comes with the server's word for it or with the
    first change, whichever is earlier; once until `FeedLost`.
    """


@dataclass(frozen=True, slots=True)
class FeedLost(ChannelEvent):
    """Fired when changes no longer come, or still do not: the channel of a live feed was lost, the
    server cannot subscribe it, each time that it says so, or did not say within the time of
    `Config.feed_confirm_ladder_s` that it has. It is tried again by itself, for ever.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class FeedGap(ChannelEvent):
    """Fired when a feed is live again, right after `FeedLive`, and when the server has subscribed a
    live one anew: changes committed in this interval of the loop's clock may be missing.

    It begins `Config.feed_lag_max_s` before the last change or confirmation, for a dead feed looks
    like a quiet one; standstills and clocks count as for `Gap`. Read again what may have changed
    since then. A feed that was silent for `Config.feed_silence_ladder_s` is subscribed anew to be
    safe: such a gap is as long as the silence, and mostly nothing is missing in it.
    """

    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class ChannelClosed(ChannelEvent):
    """Fired when an unsubscribed channel is gone; nothing follows for it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Overflowed(ChannelEvent):
    """Fired when a broadcast found the send buffer full; its own result says so too."""

    buffered: int
    buffered_bytes: int


@dataclass(frozen=True, slots=True)
class ServerNotice(ChannelEvent):
    """Fired when the server sent a `system` message about the channel (`protocol.md §2.7`)."""

    status: str
    message: str


@dataclass(frozen=True, slots=True)
class SlowConsumer(ChannelEvent):
    """Fired when a callback is so slow that messages are dropped; once until it has caught up."""

    queued: int


@dataclass(frozen=True, slots=True)
class CallbackFailed(ChannelEvent):
    """Fired when an `on_broadcast` or `on_change` callback raised; only that one is affected."""

    error: Exception


@dataclass(frozen=True, slots=True)
class MalformedReceived(Event):
    """Fired when the server sent a frame that does not read; it is ignored."""

    reason: str
