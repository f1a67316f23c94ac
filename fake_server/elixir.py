"""How the real server's runtime prints and measures JSON values; both can be seen on the wire."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

_LINE_MAX = 80
_MAYBE_FLOAT = re.compile(r"\d[.e]")
_STRING_OR_FLOAT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)')


def inspect(value: Any) -> str:
    """A JSON value as Elixir's `inspect` prints it in error texts; bytes are a binary push."""
    match value:
        case None:
            return "nil"
        case bool():
            return str(value).lower()
        case bytes():
            return f"{{:binary, <<{', '.join(map(str, value))}>>}}"
        case dict():
            pairs = (f"{inspect(key)} => {inspect(item)}" for key, item in sorted(value.items()))
            return f"%{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(map(inspect, value))}]"
        case float():
            return _shortest(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def inspect_lines(items: list[str], fills: bool = False) -> str:
    """A list of printed items as `inspect(…, pretty: true)` breaks it into lines: one item a line,
    or as many as fit if it `fills` them, as it does for plain texts."""
    whole = f"[{', '.join(items)}]"
    if len(whole) <= _LINE_MAX:
        return whole
    lines = [""]
    for index, item in enumerate(items):
        text = item + ("," if index < len(items) - 1 else "")
        if not lines[-1]:
            lines[-1] = text
        elif fills and len(f"  {lines[-1]} {text}") <= _LINE_MAX:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return "[\n" + "".join(f"  {line}\n" for line in lines) + "]"


def notation(text: str) -> str:
    """A JSON text of ours with its floats as the real server writes them: 1000.0 is 1.0e3."""
    if not _MAYBE_FLOAT.search(text):
        return text
    return _STRING_OR_FLOAT.sub(
        lambda match: match[0] if match[0][0] == '"' else _shortest(float(match[0])), text
    )


def external_size(value: Any) -> int:
    """Bytes of a value in Erlang's external term format, which the payload limit counts."""
    return 1 + _term_size(value)


def sorted_keys(value: Any) -> Any:
    """A JSON value as Elixir writes it back: the keys of every object in order."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value


def _shortest(value: float) -> str:
    """The digits that Erlang's `float_to_binary(Float, [short])` takes: the exponent if that is
    shorter, or if a float of this size is no longer sure of its last integer digit."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    place = len(text) + exponent if value else 1
    if 0 <= place < len(text):
        body = f"{text[:place] or '0'}.{text[place:]}"
    else:
        body = _outside_the_digits(text, place, abs(value))
    return f"-{body}" if sign else body


def _outside_the_digits(text: str, place: int, size: float) -> str:
    """The point lies left of all digits, or right of them."""
    exponent = str(place - 1)
    exponent_cost = len(exponent) + 1 + (2 if len(text) == 1 else 1)
    if place < 0 and 2 - place <= exponent_cost:
        return f"0.{'0' * -place}{text}"
    if place >= len(text) and place - len(text) + 2 <= exponent_cost and size < 2**53:
        return f"{text}{'0' * (place - len(text))}.0"
    return f"{text[0]}.{text[1:] or '0'}e{exponent}"


def _term_size(value: Any) -> int:
    match value:
        case None:
            return _atom_size("nil")
        case bool():
            return _atom_size(str(value))
        case int():
            return _integer_size(value)
        case float():
            return 9
        case str():
            return 5 + len(value.encode())
        case bytes():
            return 5 + len(value)
        case list():
            return 6 + sum(map(_term_size, value)) if value else 1
        case dict():
            return 5 + sum(_term_size(key) + _term_size(item) for key, item in value.items())
        case _:
            raise TypeError(f"{type(value).__name__} is no JSON value")


def _atom_size(name: str) -> int:
    return 2 + len(name)


def _integer_size(value: int) -> int:
    if 0 <= value <= 255:
        return 2
    if -(2**31) <= value < 2**31:
        return 5
    length = (abs(value).bit_length() + 7) // 8
    return (3 if length <= 255 else 6) + length
