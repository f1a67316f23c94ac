"""The parameters of faults: what each may be, in which unit, and the words for what it may not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.nemesis.fault import BadFault
from harness.nemesis.near import did_you_mean
from harness.numeric import is_number, is_whole

SECONDS_MAX = 1e9
TEXT_MAX = 10_000
COUNT_MAX = 2**63 - 1
SHOWN_MAX = 60
_NOT_IN_FRAMES = (1004, 1005, 1006, 1015)


@dataclass(frozen=True, slots=True)
class Type:
    """What a value may be: its rule, in words and as a test."""

    rule: str
    holds: Callable[[Any], bool]
    choices: tuple[str, ...] = ()
    """The words that there are, where it is one of them."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a fault; None as the default means that it may be left out."""

    name: str
    type: Type
    default: Any
    meaning: str
    unit: str = ""
    """Empty for what has none: a name, a share, a code."""


def checked(fault: str, known: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter with its value, defaults included. Raises `BadFault` for the first that is
    unknown or cannot be so, naming the value, the rule and what is known."""
    names = [one.name for one in known]
    for name in given:
        if name not in names:
            near, has = did_you_mean(name, names), ", ".join(names) or "none"
            raise BadFault(f"fault {fault!r} has no parameter {name!r}; {near}it has: {has}")
    return {one.name: _value(fault, one, given) for one in known}


def _value(fault: str, parameter: Parameter, given: Mapping[str, Any]) -> Any:
    value = given.get(parameter.name)
    if value is None:
        return parameter.default
    if not parameter.type.holds(value):
        raise BadFault(f"fault {fault!r}: {parameter.name}={_complaint(parameter, value)}")
    return value


def _complaint(parameter: Parameter, value: Any) -> str:
    unit = f", in {parameter.unit}" if parameter.unit else ""
    near = did_you_mean(value, parameter.type.choices).rstrip()
    return f"{_shown(value)} is not {parameter.type.rule}{unit}" + (f"; {near}" if near else "")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN_MAX else shown[: SHOWN_MAX - 1] + "…"


# The types.


def number(least: float, most: float = SECONDS_MAX, *, above: bool = False) -> Type:
    """A number from `least` (or only above it) to `most`."""
    bound = f"a number {'above' if above else 'from'} {least:g} to {_in_short(most)}"

    def holds(value: Any) -> bool:
        return is_number(value) and least <= value <= most and not (above and value == least)

    return Type(bound, holds)


def _in_short(number: float) -> str:
    return f"{number:g}".replace("e+0", "e")


def whole(least: int, most: int = COUNT_MAX) -> Type:
    """A whole number between two bounds."""
    rule = f"a whole number from {least:,}" + (f" to {most:,}" if most != COUNT_MAX else " on")
    return Type(rule, lambda value: is_whole(value) and least <= value <= most)


def one_of(*choices: str) -> Type:
    """One of these words."""
    return Type("one of " + ", ".join(choices), lambda value: value in choices, choices)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= TEXT_MAX


def _is_object(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _are_names(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(_is_text(one) for one in value) and len(dict.fromkeys(value)) == len(value)


SECONDS = number(0)
DURATION = number(0, above=True)
SHIFT = Type(
    f"a number other than 0, at most {_in_short(SECONDS_MAX)} either way, below 0 for the past",
    lambda value: is_number(value) and 0 < abs(value) <= SECONDS_MAX,
)
COUNT = whole(1)
SEED = whole(0, 2**64 - 1)
SHARE = number(0, 1, above=True)
TEXT = Type(f"a text of 1 to {TEXT_MAX:,} characters", _is_text)
FLAG = Type("true or false", lambda value: isinstance(value, bool))
OBJECT = Type("an object of JSON", _is_object)
STATUS = whole(300, 599)
NAMES = Type("a list of different names, as ['client-0']", _are_names)
CLOSE_CODE = Type(
    "a code that a close frame can carry, 1000 to 4999 without 1004, 1005, 1006 and 1015",
    lambda value: is_whole(value) and 1000 <= value <= 4999 and value not in _NOT_IN_FRAMES,
)
