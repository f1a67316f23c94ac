"""The filter grammar of Postgres Changes: `column=op.value`, several with commas (§3.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fake_server.database import Column, DatabaseError, Row, Table, cast, order_key
from fake_server.database.expressions import like
from fake_server.elixir import inspect

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "like": lambda text, pattern: like(text, pattern),
    "ilike": lambda text, pattern: like(text, pattern, ignore_case=True),
    "match": lambda text, pattern: re.search(pattern, text) is not None,
    "imatch": lambda text, pattern: re.search(pattern, text, re.IGNORECASE) is not None,
}
_OPERATORS = (*_ORDER, *_TEXT, "in", "is", "isdistinct")
_IS: dict[str, bool | None] = {"null": None, "true": True, "false": False, "unknown": None}
_IN_VALUES_MAX = 100
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


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

    def check(self, table: Table) -> None:
        """Raises `DatabaseError` for a column or a value that does not fit the table."""
        column = table.column(self.column)
        if column is None:
            raise DatabaseError("P0001", f"invalid column for filter {self.column}")
        if self.operator == "in":
            count = len(cast("_text", self.value))
            if count > _IN_VALUES_MAX:
                rule = f"too many values for `in` filter. Maximum {_IN_VALUES_MAX}"
                raise DatabaseError("P0001", rule)
        if self.operator == "is":
            self._check_is(column)
        elif self.operator in ("match", "imatch"):
            self._check_pattern()
        elif self.operator not in _TEXT:
            self._operand(column)

    def holds(self, table: Table, row: Row) -> bool:
        """Whether a row fits; a column that the row does not have fits nothing."""
        column = table.column(self.column)
        if column is None or self.column not in row:
            return False
        held = self._holds(column, row[self.column])
        return held is not None and held is not self.negated

    def _check_is(self, column: Column) -> None:
        fits = self.value == "null" or (column.type == "bool" and self.value in _IS)
        if not fits:
            raise DatabaseError("P0001", f"invalid value for is filter {self.value}")

    def _check_pattern(self) -> None:
        try:
            re.compile(self.value)
        except (re.error, OverflowError, RecursionError):
            raise DatabaseError("2201B", "invalid regular expression") from None

    def _operand(self, column: Column) -> Any:
        return cast(f"_{column.type}" if self.operator == "in" else column.type, self.value)

    def _holds(self, column: Column, value: Any) -> bool | None:
        if self.operator == "is":
            return value is _IS[self.value]
        if value is None:
            return True if self.operator == "isdistinct" else None
        if self.operator in _TEXT:
            return _TEXT[self.operator](str(value), self.value)
        key, operand = order_key(column.type, value), self._operand(column)
        if self.operator == "in":
            return any(key == order_key(column.type, item) for item in operand if item is not None)
        other = order_key(column.type, operand)
        return key != other if self.operator == "isdistinct" else _ORDER[self.operator](key, other)


def parse_filters(text: str) -> tuple[Filter, ...]:
    """The conditions of a `filter` parameter; none for blank text. Raises `BadFilter`."""
    if not text.strip():
        return ()
    segments = _segments(text)
    if not all(segment.strip() for segment in segments):
        raise BadFilter("filter must not contain empty segments (check for extra commas)")
    return tuple(map(_filter, segments))


def _segments(text: str) -> list[str]:
    """Split at the commas outside quotes and parentheses."""
    segments, depth, quoted, escaped = [""], 0, False, False
    for character in text:
        if character == "," and not quoted and depth == 0:
            segments.append("")
            continue
        segments[-1] += character
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + (character == "(") - (character == ")"))
    return segments


def _filter(segment: str) -> Filter:
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
    if not (value.startswith("(") and value.endswith(")")):
        raise BadFilter("`in` filter value must be wrapped by parentheses")
    return Filter(column, operator, f"{{{value[1:-1]}}}", negated)


def _unquoted(value: str) -> str:
    """What stands in double quotes; a value that they do not wrap entirely is literal."""
    match = _QUOTED.fullmatch(value)
    return value if match is None else re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL)
