"""The parameters of levers: what each can be, and the words for what it cannot."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NOT_IN_FRAMES = (1004, 1005, 1006, 1015)
_TEXT_MAX = 10_000
_SECONDS_MAX = 1e9


class BadLever(ValueError):
    """A lever or a parameter that does not exist, or a value that it cannot have."""


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()
"""In place of a default: the parameter has to be given."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of parameter: its rule, in words and as a test."""

    rule: str
    holds: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _TEXT_MAX


def whole(least: int, most: int) -> Kind:
    """A whole number between two bounds."""
    return Kind(
        f"a whole number, {least:,} to {most:,}",
        lambda value: _is_whole(value) and least <= value <= most,
    )


def one_of(*choices: str) -> Kind:
    """One of these words."""
    return Kind("one of " + ", ".join(choices), lambda value: value in choices)


SECONDS = Kind(
    "a number of seconds, 0 or more", lambda value: _is_number(value) and 0 <= value <= _SECONDS_MAX
)
DURATION = Kind(
    "a number of seconds above 0", lambda value: _is_number(value) and 0 < value <= _SECONDS_MAX
)
SHIFT = Kind(
    "a number of seconds, below 0 for the past",
    lambda value: _is_number(value) and abs(value) <= _SECONDS_MAX,
)
COUNT = whole(1, 1_000_000_000)
SEED = whole(0, 2**64 - 1)
TEXT = Kind(f"a text of 1 to {_TEXT_MAX:,} characters", _is_text)
SHARE = Kind("a number above 0, at most 1", lambda value: _is_number(value) and 0 < value <= 1)
PATH = Kind(
    "a path that begins with / and may end with *",
    lambda value: _is_text(value) and value.startswith("/") and "*" not in value[:-1],
)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
STATUS = whole(300, 599)
CLOSE_CODE = Kind(
    "a code that a close frame can carry, 1000 to 4999 without 1004, 1005, 1006 and 1015",
    lambda value: _is_whole(value) and 1000 <= value <= 4999 and value not in _NOT_IN_FRAMES,
)
OBJECT = Kind("an object", lambda value: isinstance(value, dict) and _is_json(value))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a lever; None as the default means that it may be left out."""

    name: str
    kind: Kind
    default: Any
    meaning: str


def checked(lever: str, known: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter of the lever with its value. Raises `BadLever`, naming value and rule."""
    names = [parameter.name for parameter in known]
    for name in given:
        if name not in names:
            has = ", ".join(names) or "none"
            raise BadLever(f"lever {lever!r} has no parameter {_short(name)}; it has: {has}")
    return {parameter.name: _value(lever, parameter, given) for parameter in known}


def _value(lever: str, parameter: Parameter, given: Mapping[str, Any]) -> Any:
    value = given.get(parameter.name)
    if value is None:
        if parameter.default is REQUIRED:
            raise BadLever(f"lever {lever!r} needs {parameter.name}: {parameter.kind.rule}")
        return parameter.default
    if not parameter.kind.holds(value):
        raise BadLever(
            f"lever {lever!r}: {parameter.name}={_short(value)} is not {parameter.kind.rule}"
        )
    return value


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
