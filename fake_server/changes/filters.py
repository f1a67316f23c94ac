"""The filter grammar of Postgres Changes: `column=op.value`, several with commas (§3.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fake_server.elixir import inspect

_OPERATORS = (
    *("eq", "neq", "lt", "lte", "gt", "gte", "in"),
    *("like", "ilike", "is", "match", "imatch", "isdistinct"),
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_OPENS_QUOTES = (".", "(", ",")
"""After these a double quote begins a quoted value; elsewhere it is a character like others."""


class BadFilter(Exception):
    """A filter that cannot be parsed, in the words of the real server."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a column."""

    column: str
    operator: str
    value: str
    """As the error texts show it: unquoted, a list as `{a,b}`."""
    negated: bool = False

    def __str__(self) -> str:
        """As Elixir prints it."""
        texts = ", ".join(map(inspect, (self.column, self.operator, self.value, self.negated)))
        return f"{{{texts}}}"


def parse_filters(text: str) -> tuple[Filter, ...]:
    """The conditions of a `filter` parameter; none for blank text. Raises `BadFilter`."""
    if not text.strip():
        return ()
    return tuple(_filter(segment.strip()) for segment in _segments(text.strip()))


def _segments(text: str) -> list[str]:
    """Split at the commas outside quotes and parentheses."""
    segments, depth, quoted, escaped, before = [""], 0, False, False, ""
    for character in text:
        if character == "," and not quoted and depth == 0:
            segments.append("")
            before = ""
            continue
        segments[-1] += character
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = before in _OPENS_QUOTES
        else:
            depth = max(0, depth + (character == "(") - (character == ")"))
        before = character
    return segments


def _filter(segment: str) -> Filter:
    if not segment:
        raise BadFilter("filter must not contain empty segments (check for extra commas)")
    column, equals, condition = segment.partition("=")
    if not equals:
        raise BadFilter(inspect([segment]))
    negated = condition.startswith("not.")
    pieces = condition.removeprefix("not.").split(".", 1)
    if len(pieces) < 2 or pieces[0] not in _OPERATORS:
        raise BadFilter(inspect(pieces))
    operator, value = pieces
    if operator != "in":
        return Filter(column, operator, _unquoted(value), negated)
    if len(value) < 2 or not (value.startswith("(") and value.endswith(")")):
        raise BadFilter("`in` filter value must be wrapped by parentheses")
    return Filter(column, operator, f"{{{value[1:-1]}}}", negated)


def _unquoted(value: str) -> str:
    """What stands in double quotes; a value that they do not wrap entirely is literal."""
    match = _QUOTED.fullmatch(value)
    return value if match is None else re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL)
