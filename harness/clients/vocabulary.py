"""What a client may say, and what is wrong with what it has said (`harness.history`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.history import Op
from harness.numeric import is_number, is_whole
from harness.redact import redact

SHOWN_MAX = 40
"""So much is shown of what cannot be right."""
DOCS = "docs/adding/client.md"


class _Field(NamedTuple):
    name: str
    holds: Callable[[Any], bool]
    rule: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_TOPIC = _Field("topic", _is_text, "a text")
_ID = _Field("id", is_whole, "a whole number")
_SENDER = _Field("sender", _is_text, "a text")
_LAST_S = _Field(
    "last_s", lambda value: is_number(value) and value >= 0, "a finite number of seconds"
)
_TOKEN_ID = _Field("token_id", _is_text, "a text")

EVENTS: Mapping[str, tuple[_Field, ...]] = {
    "joined": (_TOPIC,),
    "lost": (_TOPIC,),
    "closed": (_TOPIC,),
    "received": (_TOPIC, _ID, _SENDER),
    "feed_live": (_TOPIC,),
    "feed_lost": (_TOPIC,),
    "feed_gap": (_TOPIC, _LAST_S),
    "changed": (_TOPIC, _ID),
}
"""What merely happens, and the keys without which nobody can judge it."""

CALLS: Mapping[str, tuple[_Field, ...]] = {
    "open": (),
    "subscribe": (_TOPIC,),
    "leave": (_TOPIC,),
    "broadcast": (_TOPIC, _ID),
    "set_token": (_TOKEN_ID,),
    "close": (),
}
"""The calls that a client's own program says that it makes."""


def complaint(op: Op, name: str) -> str | None:
    """What is wrong with an op that the client `name` says, in a line; None if nothing is."""
    wrong = _wrong(op, name)
    return None if wrong is None else f"{name} said {_shown(op.f)} {wrong}; see {DOCS}"


def _wrong(op: Op, name: str) -> str | None:
    if op.process != name:
        return f"in the name of {_shown(op.process)}"
    if op.type == "invoke":
        return _misses(op, CALLS, "call")
    if op.id is not None:
        return None  # The end of a call of its own, which says nothing besides.
    if op.type != "info":
        return f"as {_shown(op.type)} without the id of a call: an event is an 'info'"
    return _misses(op, EVENTS, "event")


def _misses(op: Op, known: Mapping[str, tuple[_Field, ...]], kind: str) -> str | None:
    if op.f not in known:
        return f"which is no {kind}: {', '.join(known)}"
    for field in known[op.f]:
        if field.name not in op.value:
            return f"without {field.name}"
        if not field.holds(value := op.value[field.name]):
            return f"with {field.name} {_shown(value)}, which is not {field.rule}"
    return None


def _shown(value: Any) -> str:
    return redact(repr(value), SHOWN_MAX)
