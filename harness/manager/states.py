"""The manager's state machines as tables: the connection's, each channel's, and each feed's.

Everything that moves a state goes through `step`, and everything that may move it stands here. A
pair that is missing is a bug of ours, not a case to be handled. `docs/manager-states.md` is drawn
from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar


class State(Enum):
    """What the connection is doing."""

    STOPPED = "stopped"
    """Not started, or closed by the application."""
    CONNECTING = "connecting"
    """Dialling: TCP, TLS and the WebSocket handshake."""
    CONNECTED = "connected"
    """The handshake is done and nothing says that the link is dead."""
    BACKING_OFF = "backing_off"
    """Waiting for the next attempt."""


class ChannelState(Enum):
    """What one channel is doing."""

    WAITING = "waiting"
    """Wanted but not joined: no link, not its turn, or backing off."""
    JOINING = "joining"
    """The join is written and not answered."""
    JOINED = "joined"
    """The server answered the current join with ok, and nothing has ended it since."""
    LEAVING = "leaving"
    """Unsubscribed; the leave is written and not answered."""
    GONE = "gone"
    """Unsubscribed, and nothing is left on the server."""


class FeedState(Enum):
    """What is known of one channel's feed of changes."""

    OFF = "off"
    """The channel is not joined, or asked for no changes."""
    SUBSCRIBING = "subscribing"
    """Joined; the server has not said yet that it has subscribed the channel to changes."""
    LIVE = "live"
    """The server has said so, or a change has come, and nothing has ended it since."""
    REFUSED = "refused"
    """The server has said that it cannot; it may try again by itself."""


TRANSITIONS: Mapping[State, Mapping[str, State]] = {
    State.STOPPED: {
        "start": State.CONNECTING,
    },
    State.CONNECTING: {
        "opened": State.CONNECTED,
        "failed": State.BACKING_OFF,
        "stop": State.STOPPED,
    },
    State.CONNECTED: {
        "lost": State.BACKING_OFF,
        "stop": State.STOPPED,
    },
    State.BACKING_OFF: {
        "retry": State.CONNECTING,
        "stop": State.STOPPED,
    },
}

CHANNEL_TRANSITIONS: Mapping[ChannelState, Mapping[str, ChannelState]] = {
    ChannelState.WAITING: {
        "join": ChannelState.JOINING,
        "unsubscribe": ChannelState.GONE,
    },
    ChannelState.JOINING: {
        "accepted": ChannelState.JOINED,
        "refused": ChannelState.WAITING,
        "timed out": ChannelState.WAITING,
        "ended": ChannelState.WAITING,
        "link lost": ChannelState.WAITING,
        "leave": ChannelState.LEAVING,
        "unsubscribe": ChannelState.GONE,
    },
    ChannelState.JOINED: {
        "ended": ChannelState.WAITING,
        "link lost": ChannelState.WAITING,
        "feed dead": ChannelState.WAITING,
        "leave": ChannelState.LEAVING,
    },
    ChannelState.LEAVING: {
        "left": ChannelState.GONE,
        "succeeded": ChannelState.GONE,
        "timed out": ChannelState.GONE,
        "link lost": ChannelState.GONE,
    },
    ChannelState.GONE: {},
}

_WHILE_JOINED: Mapping[str, FeedState] = {
    "confirmed": FeedState.LIVE,
    "change": FeedState.LIVE,
    "refused": FeedState.REFUSED,
    "lost": FeedState.OFF,
}

FEED_TRANSITIONS: Mapping[FeedState, Mapping[str, FeedState]] = {
    FeedState.OFF: {"joined": FeedState.SUBSCRIBING},
    FeedState.SUBSCRIBING: _WHILE_JOINED,
    FeedState.LIVE: _WHILE_JOINED,
    FeedState.REFUSED: _WHILE_JOINED,
}

AnyState = TypeVar("AnyState", State, ChannelState, FeedState)


def step(table: Mapping[AnyState, Mapping[str, AnyState]], state: AnyState, event: str) -> AnyState:
    """The state after `event`; an impossible pair is an AssertionError that names both."""
    after = table[state].get(event)
    assert after is not None, f"{event!r} cannot happen while {state.value}"
    return after
