"""Takes keys and tokens out of a text, or a value of any depth, before it is written down."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

_JWT = re.compile(r"eyJ[\w-]*\.[\w-]+(\.[\w-]*)?")
_SUPABASE_KEY = re.compile(r"\bsb_(publishable|secret)_[\w-]+")
_NAMED = re.compile(r"(?i)\b(apikey|access_token|token|authorization)(=|\"?: ?\"?)([^&\s\"',)]+)")

TEXT_LENGTH_MAX = 500
"""An error text longer than this is cut, visibly."""

SECRET_KEYS = frozenset({"token", "access_token", "apikey", "authorization"})
"""Keys of a value that are left out with what they hold, whatever it looks like."""

SHORT_WORD = 16
"""Text up to this length is no credential, and most text is: topics, senders, codes."""
DEPTH_MAX = 6
"""A value nested more deeply than this is cut, visibly."""
BITS_MAX = 64
CUT = "… (cut)"


def redact(text: str, length_max: int = TEXT_LENGTH_MAX) -> str:
    """The text without JWTs, Supabase keys and named credentials, cut to a bound."""
    for pattern, replacement in (
        (_JWT, "[token]"),
        (_SUPABASE_KEY, "[key]"),
        (_NAMED, r"\1\2[redacted]"),
    ):
        text = pattern.sub(replacement, text)
    return text if len(text) <= length_max else f"{text[:length_max]} {CUT}"


def redact_value(value: Mapping[str, Any], items_max: float = math.inf) -> dict[str, Any]:
    """The value as JSON can hold it, without secrets at any depth.

    Texts are cut as by `redact`, what lies deeper than `DEPTH_MAX` is cut, and so is all that comes
    after `items_max` keys and elements, over all depths.
    """
    return _entries(value, DEPTH_MAX, iter(count()), items_max)


def _entries(
    value: Mapping[Any, Any], depth: int, items: Iterator[int], items_max: float
) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for key, one in value.items():
        if next(items) >= items_max:
            clean[CUT] = CUT
            break
        if str(key).lower() not in SECRET_KEYS:
            clean[_word(str(key))] = _clean(one, depth - 1, items, items_max)
    return clean


def _elements(
    value: Iterable[Any], depth: int, items: Iterator[int], items_max: float
) -> list[Any]:
    clean: list[Any] = []
    for one in value:
        if next(items) >= items_max:
            clean.append(CUT)
            break
        clean.append(_clean(one, depth - 1, items, items_max))
    return clean


def _clean(value: Any, depth: int, items: Iterator[int], items_max: float) -> Any:
    if isinstance(value, str):
        return _word(value)
    if value is None or isinstance(value, bool | int | float):
        return _number(value)
    if not isinstance(value, Mapping | list | tuple):
        return f"({type(value).__name__})"
    if depth <= 0:
        return CUT
    if isinstance(value, Mapping):
        return _entries(value, depth, items, items_max)
    return _elements(value, depth, items, items_max)


def _word(text: str) -> str:
    return redact(text) if len(text) > SHORT_WORD else text


def _number(value: float | None) -> float | str | None:
    """What is no number in JSON, or so large that it cannot be written, is told in words."""
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        return f"(a number of {value.bit_length()} bits)"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
