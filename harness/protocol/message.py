"""What goes over the wire, whatever the version: a message, its kind, what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

Sender = Literal["client", "server"]
"""Who wrote a frame. The two directions differ: in V1 only clients send a join_ref, and each
direction has binary kinds and layouts of its own."""


class MalformedMessage(ValueError):
    """A frame that does not read, or a message that no frame can carry.

    Says in words what is wrong. Never quotes a payload: it may hold an access token.
    """


class Kind(Enum):
    """How a message is framed: as JSON text, or as one of V2's binary kinds (`protocol.md §1.5`).

    The value of a binary kind is the first byte of its frame.
    """

    TEXT = "text"
    PUSH = 0
    REPLY = 1
    BROADCAST = 2
    USER_BROADCAST_PUSH = 3
    USER_BROADCAST = 4


@dataclass(frozen=True, slots=True)
class UserBroadcast:
    """The payload of kinds 3 and 4: one broadcast, its own payload passed through as it is."""

    event: str
    """The user's event; the message's own event is `broadcast`."""
    payload: bytes = field(repr=False)
    """Never parsed on its way, so what calls itself JSON may not be."""
    encoding: Literal["json", "binary"] = "json"
    metadata: Mapping[str, Any] | None = None
    """A JSON object, such as `{"id": …, "replayed": true}`; None where the frame has none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The payload of kind 1: a reply whose response is bytes."""

    status: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message, the same for every version and framing.

    `topic` and `event` are strings by convention only: the servers check neither, so the number
    that one client sent as a topic comes back as a number (recorded in `malformed_frames.v2`). From
    `decode` they are JSON scalars, so they serve as keys. `ref` and `join_ref` are checked even
    less: scalars from a server, from a client any JSON value, which the server echoes.
    """

    topic: Any
    event: Any
    payload: Any = field(repr=False)
    """A JSON value for TEXT; bytes for PUSH and BROADCAST; a `Reply` for REPLY; a `UserBroadcast`
    for the user broadcasts. Not shown in a repr, for it may hold an access token."""
    ref: Any = None
    join_ref: Any = None
    kind: Kind = Kind.TEXT


_SCALARS = str | int | float | bool | None
_CHECKED: dict[Sender, tuple[str, ...]] = {
    "client": ("topic", "event"),
    "server": ("topic", "event", "ref", "join_ref"),
}


def check_names(message: Message, sender: Sender) -> Message:
    """The message, if what its reader uses as keys can be one; else raises `MalformedMessage`."""
    for name in _CHECKED[sender]:
        value = getattr(message, name)
        if not isinstance(value, _SCALARS):
            shape = "object" if isinstance(value, dict) else "array"
            raise MalformedMessage(f"the {name} is an {shape}, not a string")
    return message
