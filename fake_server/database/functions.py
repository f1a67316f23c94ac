"""The SQL functions that can be called, by name; those of Supabase's `auth` and `realtime` too."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

from fake_server.database import types
from fake_server.database.errors import DatabaseError
from fake_server.database.moments import timestamp_text
from fake_server.database.scope import Scope
from fake_server.database.typed import NULL, Typed, coerce, convert, json_value

Function = Callable[[list[Typed], Scope], Typed]

_TEXT_BYTES_MAX = 100_000_000
"""What one call may build: far above what any channel carries."""


def call(name: str, arguments: list[Typed], scope: Scope) -> Typed:
    """Call a function. Raises `DatabaseError` 42883 for one that is not known."""
    function = _FUNCTIONS.get(name)
    try:
        if function is not None:
            return function(arguments, scope)
    except (AttributeError, IndexError, TypeError, ValueError):
        pass
    kinds = ", ".join(types.label(argument.type) for argument in arguments)
    raise DatabaseError(
        "42883",
        f"function {name}({kinds}) does not exist",
        hint="No function matches the given name and argument types. You might need to add "
        "explicit type casts.",
    )


def random_uuid(rng: random.Random) -> str:
    """A version 4 UUID from this source."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def claim(scope: Scope, name: str) -> Any:
    """A claim of the caller's token; null where it is missing."""
    return scope.caller.claims.get(name)


def _uid(_: list[Typed], scope: Scope) -> Typed:
    sub = claim(scope, "sub")
    return Typed("uuid", types.cast("uuid", str(sub)) if sub else None)


def _role(_: list[Typed], scope: Scope) -> Typed:
    return Typed("text", claim(scope, "role"))


def _jwt(_: list[Typed], scope: Scope) -> Typed:
    return Typed("jsonb", dict(scope.caller.claims) or None)


def _email(_: list[Typed], scope: Scope) -> Typed:
    return Typed("text", claim(scope, "email"))


def _topic(_: list[Typed], scope: Scope) -> Typed:
    return Typed("text", scope.caller.topic)


def _current_setting(arguments: list[Typed], scope: Scope) -> Typed:
    settings = {
        "request.jwt.claims": json.dumps(dict(scope.caller.claims)),
        "request.jwt.claim.sub": claim(scope, "sub"),
        "request.jwt.claim.role": claim(scope, "role"),
        "realtime.topic": scope.caller.topic,
        "role": scope.caller.role,
    }
    name = arguments[0].value
    if name not in settings and len(arguments) == 1:
        raise DatabaseError("42704", f'unrecognized configuration parameter "{name}"')
    return Typed("text", settings.get(name))


def _now(_: list[Typed], scope: Scope) -> Typed:
    return Typed("timestamptz", timestamp_text(scope.now_s))


def _repeat(arguments: list[Typed], _: Scope) -> Typed:
    text, times = coerce(arguments[0], "text").value, arguments[1].value
    if text is None or times is None:
        return Typed("text", None)
    if len(text.encode()) * times > _TEXT_BYTES_MAX:
        raise DatabaseError("54000", "requested length too large")
    return Typed("text", text * times)


def _coalesce(arguments: list[Typed], _: Scope) -> Typed:
    kind = next((item.type for item in arguments if item.type != "unknown"), "text")
    found = next((item for item in arguments if item.value is not None), NULL)
    return coerce(found, kind)


def _nullif(arguments: list[Typed], _: Scope) -> Typed:
    first, second = arguments[0], coerce(arguments[1], arguments[0].type)
    return Typed(first.type, None) if first.value == second.value else first


def _on_text(compute: Callable[[str], Any], result: str = "text") -> Function:
    def function(arguments: list[Typed], _: Scope) -> Typed:
        operand = coerce(arguments[0], "text")
        if types.category(operand.type) != "S" or len(arguments) != 1:
            raise TypeError(operand.type)
        return Typed(result, None if operand.value is None else compute(operand.value))

    return function


def _concat(arguments: list[Typed], _: Scope) -> Typed:
    texts = [convert(item, "text").value for item in arguments if item.value is not None]
    return Typed("text", "".join(texts))


def _split_part(arguments: list[Typed], _: Scope) -> Typed:
    text, delimiter, number = (item.value for item in arguments)
    if text is None:
        return Typed("text", None)
    parts = text.split(delimiter)
    return Typed("text", parts[number - 1] if 0 < number <= len(parts) else "")


def _build_object(arguments: list[Typed], _: Scope) -> Typed:
    if len(arguments) % 2:
        raise DatabaseError("22023", "argument list must have even number of elements")
    keys, values = arguments[::2], arguments[1::2]
    if any(key.value is None for key in keys):
        raise DatabaseError("22023", "argument 1: key must not be null")
    pairs = zip(keys, values, strict=True)
    return Typed("jsonb", {convert(key, "text").value: json_value(value) for key, value in pairs})


def _build_array(arguments: list[Typed], _: Scope) -> Typed:
    return Typed("jsonb", [json_value(item) for item in arguments])


def _to_jsonb(arguments: list[Typed], _: Scope) -> Typed:
    return Typed("jsonb", json_value(arguments[0]))


_FUNCTIONS: dict[str, Function] = {
    "auth.uid": _uid,
    "auth.role": _role,
    "auth.jwt": _jwt,
    "auth.email": _email,
    "realtime.topic": _topic,
    "current_setting": _current_setting,
    "now": _now,
    "transaction_timestamp": _now,
    "statement_timestamp": _now,
    "clock_timestamp": _now,
    "repeat": _repeat,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "lower": _on_text(str.lower),
    "upper": _on_text(str.upper),
    "length": _on_text(len, "int4"),
    "concat": _concat,
    "split_part": _split_part,
    "jsonb_build_object": _build_object,
    "json_build_object": _build_object,
    "jsonb_build_array": _build_array,
    "to_jsonb": _to_jsonb,
    "to_json": _to_jsonb,
}
