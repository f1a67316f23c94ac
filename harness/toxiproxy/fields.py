"""Bodies of requests as Go's typed decoder takes them: names, types and refusals."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from harness.toxiproxy.errors import ApiError, bad_body
from harness.toxiproxy.jsontext import Number, to_float32

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
FLOAT32_DIGITS_MAX = 400
"""Longer literals are refused before they are read."""


class _Mismatch(Exception):
    """The value is not of the type."""


def _string(value: Any) -> str:
    if isinstance(value, str) and not isinstance(value, Number):
        return value
    raise _Mismatch


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _Mismatch


def _int64(value: Any) -> int:
    if isinstance(value, Number) and re.fullmatch(r"-?\d{1,19}", value):
        number = int(value)
        if INT64_MIN <= number <= INT64_MAX:
            return number
    raise _Mismatch


def _float32(value: Any) -> float:
    if isinstance(value, Number) and len(value) <= FLOAT32_DIGITS_MAX:
        number = float(value)
        with suppress(OverflowError):
            if not math.isinf(number):
                return to_float32(number)
    raise _Mismatch


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Mismatch


READERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _string,
    "bool": _bool,
    "int64": _int64,
    "float32": _float32,
    "toxics.NoopToxic": _object,
}
"""Go's name of a type → how to read it. Attributes come as Toxiproxy declares them, a no-op's."""


def read_object(
    value: Any, struct: str, types: Mapping[str, str], *, go_value: str = ""
) -> tuple[dict[str, Any], ApiError | None]:
    """The known fields of an object, and the first refusal.

    Names match in any case, unknown ones are skipped, null counts as absent. As in Go, fields
    after a bad one are read all the same (`toxiproxy.md` §1.2, §1.4).
    """
    if value is None:
        return {}, None
    if not isinstance(value, dict):
        return {}, bad_body(
            f"json: cannot unmarshal {_kind(value)} into Go value of type {go_value}"
        )
    found: dict[str, Any] = {}
    refusal: ApiError | None = None
    names = {name.casefold(): name for name in types}
    for key, member in value.items():
        name = names.get(key.casefold())
        if name is None or member is None:
            continue
        try:
            found[name] = READERS[types[name]](member)
        except _Mismatch:
            refusal = refusal or _refusal(member, f"{struct}.{name}", types[name])
    return found, refusal


def read_list(value: Any, go_value: str) -> list[Any]:
    """The items of an array; null is empty. Raises `ApiError` 400."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_body(f"json: cannot unmarshal {_kind(value)} into Go value of type {go_value}")
    return value


def _refusal(value: Any, field: str, go_type: str) -> ApiError:
    kind = _kind(value)
    if kind == "number" and go_type in ("int64", "float32"):
        kind = f"number {value}"
    return bad_body(f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}")


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case Number():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
