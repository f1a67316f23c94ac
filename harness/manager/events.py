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

    Messages sent in this interval of the loop's clock may be missing. It begins with the last sign
    of life before the loss, for a link is dead before anybody notices.
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
    """Fired when an `on_broadcast` callback raised; nothing but that one message is affected."""

    error: Exception


@dataclass(frozen=True, slots=True)
class MalformedReceived(Event):
    """Fired when the server sent a frame that does not read; it is ignored."""

    reason: str
