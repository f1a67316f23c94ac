"""The binary kinds of V2: one table of layouts, read in both directions (`protocol.md §1.5`).

A frame is its kind, the byte length of each field, for the user broadcasts the encoding of their
payload, then the fields, then the payload, which runs to the end of the frame.
"""

from __future__ import annotations

from typing import Any, Final

from harness.protocol import json_text
from harness.protocol.message import (
    Kind,
    MalformedMessage,
    Message,
    Reply,
    Sender,
    UserBroadcast,
)
from harness.protocol.names import BROADCAST, PHX_REPLY

FIELD_BYTES_MAX: Final = 255
"""A length is one byte, so no field is longer."""

_LAYOUTS: Final[dict[Sender, dict[Kind, tuple[str, ...]]]] = {
    "client": {
        Kind.PUSH: ("join_ref", "ref", "topic", "event"),
        Kind.USER_BROADCAST_PUSH: ("join_ref", "ref", "topic", "user_event", "metadata"),
    },
    "server": {
        Kind.PUSH: ("join_ref", "topic", "event"),
        Kind.REPLY: ("join_ref", "ref", "topic", "status"),
        Kind.BROADCAST: ("topic", "event"),
        Kind.USER_BROADCAST: ("topic", "user_event", "metadata"),
    },
}
_USER_BROADCASTS: Final = (Kind.USER_BROADCAST_PUSH, Kind.USER_BROADCAST)
_BINARY, _JSON = 0, 1


def encode(message: Message, sender: Sender) -> bytes:
    """The frame that `sender` writes for a message of a binary kind.

    Raises `MalformedMessage` where the direction lacks the kind, a field is too long, or the
    payload does not suit the kind.
    """
    layout = _LAYOUTS[sender].get(message.kind)
    if layout is None:
        raise MalformedMessage(f"a {sender} sends no frames of kind {message.kind.name}")
    values, encoding, payload = _parts(message)
    fields = [_field_bytes(name, values[name]) for name in layout]
    lengths = bytes(len(field) for field in fields)
    return b"".join((bytes([message.kind.value]), lengths, encoding, *fields, payload))


def decode(frame: bytes, sender: Sender) -> Message:
    """The message in a binary frame that `sender` wrote; raises `MalformedMessage`."""
    if not frame:
        raise MalformedMessage("an empty binary frame has no kind")
    kind, layout = _kind_and_layout(frame[0], sender)
    fields_at = 1 + len(layout) + (kind in _USER_BROADCASTS)
    if len(frame) < fields_at:
        raise MalformedMessage(f"the frame of kind {kind.value} ends within its header")
    lengths = frame[1 : 1 + len(layout)]
    fields: dict[str, str] = {}
    at = fields_at
    for name, length in zip(layout, lengths, strict=True):
        fields[name] = _field_text(frame[at : at + length], name, length)
        at += length
    encoding = frame[fields_at - 1]  # Only the user broadcasts have it, and only they read it.
    return _message(kind, fields, encoding, frame[at:])


def _kind_and_layout(first: int, sender: Sender) -> tuple[Kind, tuple[str, ...]]:
    for kind, layout in _LAYOUTS[sender].items():
        if kind.value == first:
            return kind, layout
    raise MalformedMessage(f"a {sender} sends no binary frames of kind {first}")


def _field_text(field: bytes, name: str, length: int) -> str:
    if len(field) < length:
        raise MalformedMessage(
            f"the frame ends within its {name}: {len(field)} of {length} bytes are there"
        )
    try:
        return field.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"the {name} is not UTF-8 at byte {error.start}") from None


def _message(kind: Kind, fields: dict[str, str], encoding: int, data: bytes) -> Message:
    payload: Any = data
    event = fields.get("event", BROADCAST)
    if kind in _USER_BROADCASTS:
        payload = _user_broadcast(fields, encoding, data)
    elif kind is Kind.REPLY:
        event, payload = PHX_REPLY, Reply(fields["status"], data)
    refs = fields.get("ref"), fields.get("join_ref")
    return Message(fields["topic"], event, payload, *refs, kind)


def _user_broadcast(fields: dict[str, str], encoding: int, data: bytes) -> UserBroadcast:
    return UserBroadcast(
        event=fields["user_event"],
        payload=data,
        encoding="binary" if encoding == _BINARY else "json",
        metadata=_metadata(fields["metadata"]),
    )


def _metadata(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    value = json_text.loads(text, "the metadata")
    if not isinstance(value, dict):
        raise MalformedMessage("the metadata is a JSON object or empty; this is neither")
    return value


def _parts(message: Message) -> tuple[dict[str, Any], bytes, bytes]:
    """The fields by name, the encoding byte where the kind has one, and the payload's bytes."""
    values = {name: getattr(message, name) for name in ("join_ref", "ref", "topic", "event")}
    payload = message.payload
    if message.kind in _USER_BROADCASTS and isinstance(payload, UserBroadcast):
        values |= {"user_event": payload.event, "metadata": _metadata_text(payload)}
        encoding = _BINARY if payload.encoding == "binary" else _JSON
        return values, bytes([encoding]), payload.payload
    if message.kind is Kind.REPLY and isinstance(payload, Reply):
        return values | {"status": payload.status}, b"", payload.data
    if message.kind in (Kind.PUSH, Kind.BROADCAST) and isinstance(payload, bytes):
        return values, b"", payload
    raise MalformedMessage(
        f"kind {message.kind.name} cannot carry a payload of type {type(payload).__name__}"
    )


def _metadata_text(broadcast: UserBroadcast) -> str:
    if broadcast.metadata is None:
        return ""
    return json_text.dumps(dict(broadcast.metadata), "the metadata")


def _field_bytes(name: str, value: Any) -> bytes:
    if not isinstance(value, str | int | None) or isinstance(value, bool):
        raise MalformedMessage(f"the {name} of a binary frame is text, not {type(value).__name__}")
    try:
        field = ("" if value is None else str(value)).encode()
    except ValueError:  # Half a surrogate pair, or a number of more digits than Python prints.
        raise MalformedMessage(f"the {name} cannot be written as UTF-8 text") from None
    if len(field) > FIELD_BYTES_MAX:
        raise MalformedMessage(
            f"the {name} has {len(field)} bytes; a binary frame carries {FIELD_BYTES_MAX} at most"
        )
    return field
