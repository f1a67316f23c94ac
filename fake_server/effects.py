"""What the core wants done; the shell does it, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Send:
    """Write a frame: text as str, binary as bytes."""

    conn: int
    frame: str | bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendAll:
    """Write one frame to each of these, in order."""

    conns: Sequence[int]
    frame: str | bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hangup:
    """Send a close frame with this code."""

    conn: int
    code: int


@dataclass(frozen=True, slots=True)
class HangupWhenRead:
    """Call `Node.hang_up` once what came in with the present frame has been handled."""

    conn: int
    code: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Drop this connection without a close frame."""

    conn: int


@dataclass(frozen=True, slots=True)
class Block:
    """Neither read nor write this connection for a while, then call `Node.resume`."""

    conn: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class Arrive:
    """Hand this frame of a client to `Node.arrive` when its connection is not blocked."""

    conn: int
    frame: str | bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Later:
    """Do this in a while, if its connection still lives."""

    delay_s: float
    then: Send | Arrive


@dataclass(frozen=True, slots=True)
class Truth:
    """Something happened: an op of process `server` in the history."""

    f: str
    value: Mapping[str, Any]


Effect = Send | SendAll | Hangup | HangupWhenRead | Kill | Block | Arrive | Later | Truth
