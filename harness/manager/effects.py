"""What the core wants done: the shell performs each in order, and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.manager.changes import Change
from harness.manager.events import Event
from harness.manager.sends import Outgoing, SendResult


@dataclass(frozen=True, slots=True)
class Dial:
    """Open link number `link`; answer with `opened` or `dial_failed`."""

    link: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write a frame to a link; answer with `written` once the socket has taken it."""

    link: int
    frame: str | bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a link: politely with a closing handshake, or at once because the peer is dead."""

    link: int
    politely: bool


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the owner."""

    event: Event


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand a broadcast to the callback of channel number `channel`."""

    channel: int
    event: str
    payload: Any


@dataclass(frozen=True, slots=True)
class DeliverChange:
    """Hand a change of a table to the callback of channel number `channel`."""

    channel: int
    change: Change


@dataclass(frozen=True, slots=True)
class Settle:
    """A broadcast has its result."""

    outgoing: Outgoing
    result: SendResult


@dataclass(frozen=True, slots=True)
class Wake:
    """A state changed that somebody may wait for."""


Effect = Dial | Write | HangUp | Emit | Deliver | DeliverChange | Settle | Wake
