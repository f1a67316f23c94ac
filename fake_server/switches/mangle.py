"""How frames are broken: pure functions from a frame to what the network never sent."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

Frame = str | bytes

_WRONG_KIND = 99
"""The first byte of a binary frame that no version of the protocol knows."""
_V2_TOPIC, _V2_EVENT, _V2_PAYLOAD = 2, 3, 4


def bad_json(frame: Frame, rng: random.Random) -> Frame:
    """Cut the frame off, so that neither JSON nor a binary header survives whole."""
    return frame[: rng.randrange(1, len(frame))] if len(frame) > 1 else frame


def wrong_types(frame: Frame, rng: random.Random) -> Frame:
    """Give one field of the message, or of its payload, a value of another type."""
    if isinstance(frame, bytes):
        return bytes([_WRONG_KIND]) + frame[1:]
    message = _loads(frame)
    if message is None:
        return bad_json(frame, rng)
    holder, key = rng.choice(_fields(message))
    holder[key] = _of_another_type(holder[key])
    return _dumps(message)


def missing_keys(frame: Frame, rng: random.Random) -> Frame:
    """Take one field away from the message or from its payload."""
    message = None if isinstance(frame, bytes) else _loads(frame)
    if message is None:
        return bad_json(frame, rng)
    holder, key = rng.choice(_fields(message))
    del holder[key]
    return _dumps(message)


CORRUPTIONS: Mapping[str, Callable[[Frame, random.Random], Frame]] = {
    "bad_json": bad_json,
    "wrong_types": wrong_types,
    "missing_keys": missing_keys,
}
"""What `corrupt` can do to a frame, by name."""


def oversize(frame: Frame, more_bytes: int) -> Frame:
    """Let the payload grow by so many bytes; the frame stays a message."""
    if isinstance(frame, bytes):
        return frame + b"x" * more_bytes
    message = _loads(frame)
    if message is None:
        return frame + "x" * more_bytes
    holder, key = _payload(message)
    filling = "x" * more_bytes
    payload = holder[key]
    holder[key] = {**payload, "oversize": filling} if isinstance(payload, dict) else filling
    return _dumps(message)


def _loads(frame: str) -> Any:
    """The message as the object or array that it is on the wire; None when it is neither."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    is_v1 = isinstance(message, dict) and {"topic", "event", "payload"} <= message.keys()
    is_v2 = isinstance(message, list) and len(message) > _V2_PAYLOAD
    return message if is_v1 or is_v2 else None


def _dumps(message: Any) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def _payload(message: Any) -> tuple[Any, Any]:
    return (message, "payload") if isinstance(message, dict) else (message, _V2_PAYLOAD)


def _fields(message: Any) -> list[tuple[Any, Any]]:
    """Where the values are that a client cannot do without: topic, event, payload and its parts."""
    in_v2: list[Any] = [_V2_TOPIC, _V2_EVENT, _V2_PAYLOAD]
    keys = ["topic", "event", "payload"] if isinstance(message, dict) else in_v2
    holder, key = _payload(message)
    payload = holder[key]
    inner = [(payload, name) for name in payload] if isinstance(payload, dict) else []
    return [(message, name) for name in keys] + inner


def _of_another_type(value: Any) -> Any:
    match value:
        case str():
            return 17
        case dict() | None:
            return ["wrong"]
        case _:
            return {"wrong": True}
