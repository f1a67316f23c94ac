"""What a filter means for a table and a row, as the real server's database decides it (§3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fake_server.changes.filters import Filter
from fake_server.database import DatabaseError, Table, cast, json_text, label, order_key
from fake_server.database.like import ilike, like
from fake_server.database.operators import ORDERS, SYMBOLS
from fake_server.database.regex import imatches, matches
from fake_server.database.typed import undefined_operator

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "like": like,
    "ilike": ilike,
    "match": matches,
    "imatch": imatches,
}
_LIKE_TYPES = ("text", "bpchar", "bytea")
_MATCH_TYPES = ("text",)
"""The types that have these operators of their own; the real server asks for no more (`varchar`
has none)."""
_WITHOUT_EQUALITY = ("json", "_json")
_IS: dict[str, bool | None] = {"null": None, "true": True, "false": False, "unknown": None}
_IN_VALUES_MAX = 100


def check(condition: Filter, table: Table, readable: frozenset[str]) -> None:
    """Raises `DatabaseError` for a column that the subscriber may not read, and for a value that
    does not fit it."""
    column = table.column(condition.column)
    if column is None or condition.column not in readable:
        raise _refused(f"invalid column for filter {condition.column}")
    cast("text", condition.value)
    if condition.operator == "in":
        count = len(_cast(_array(column.type), condition.value))
        if count > _IN_VALUES_MAX:
            raise _refused(f"too many values for `in` filter. Maximum {_IN_VALUES_MAX}")
    elif condition.operator == "is":
        _check_is(condition.value, column.type)
    elif condition.operator in _TEXT:
        _check_pattern(condition, column.type)
    elif column.type != "bytea":
        _cast(column.type, condition.value)


def _check_is(value: str, type_name: str) -> None:
    if value not in _IS:
        raise _refused("invalid value for is filter: must be null, true, false, or unknown")
    if value != "null" and type_name != "bool":
        raise _refused(f"is {value} filter requires a boolean column, got {label(type_name)}")


def _check_pattern(condition: Filter, type_name: str) -> None:
    operator = condition.operator
    if type_name not in (_LIKE_TYPES if "like" in operator else _MATCH_TYPES):
        kind = label(type_name)
        raise _refused(f"operator {operator} requires a text-compatible column type, got {kind}")
    if "match" in operator:
        try:
            matches("", condition.value)
        except DatabaseError as error:
            reason = f"invalid regular expression for {operator} filter: {error.message}"
            raise _refused(reason) from None


def _refused(message: str) -> DatabaseError:
    return DatabaseError("P0001", message)


def holds(condition: Filter, table: Table, record: Mapping[str, Any]) -> bool:
    """Whether a record of the log fits; a column that it does not have fits nothing.

    Raises `DatabaseError` for a comparison that the database cannot make.
    """
    column = table.column(condition.column)
    if column is None or condition.column not in record:
        return False
    held = _holds(condition, column.type, _text(record[condition.column]))
    return held is not None and held is not condition.negated


def _text(value: Any) -> str | None:
    """What `#>> '{}'` makes of a value."""
    if value is None or isinstance(value, str):
        return value
    text = json_text(value)
    return None if text == "null" else text


def _holds(condition: Filter, type_name: str, text: str | None) -> bool | None:
    operator = condition.operator
    value = None if text is None else _cast(type_name, text)
    if operator == "is":
        return value is _IS[condition.value]
    _require_operator(operator, type_name)
    if operator == "in":
        return _is_among(condition, type_name, value)
    operand = _cast(type_name, condition.value)
    if value is None:
        return True if operator == "isdistinct" else None
    if operator in _TEXT:
        return _TEXT[operator](str(value), str(operand))
    key, other = order_key(type_name, value), order_key(type_name, operand)
    if operator == "isdistinct":
        return bool(key != other)
    return ORDERS[SYMBOLS[operator]](int(key > other) - int(key < other))


def _is_among(condition: Filter, type_name: str, value: Any) -> bool | None:
    items = _flat(_cast(_array(type_name), condition.value))
    if value is None:
        return None if items else False
    key = order_key(type_name, value)
    if any(item is not None and order_key(type_name, item) == key for item in items):
        return True
    return None if None in items else False


def _flat(items: list[Any]) -> list[Any]:
    """What arrays in the array hold are items, too."""
    return [
        inner for item in items for inner in (_flat(item) if isinstance(item, list) else [item])
    ]


def _require_operator(operator: str, type_name: str) -> None:
    symbol = SYMBOLS.get(operator, "=")
    if operator not in _TEXT and type_name in _WITHOUT_EQUALITY:
        raise undefined_operator(type_name, symbol, type_name)
    if operator == "ilike" and type_name == "bytea":
        raise undefined_operator(type_name, "~~*", type_name)


def _array(type_name: str) -> str:
    """The array of a type; that of an array is the array itself."""
    return type_name if type_name.startswith("_") else f"_{type_name}"


def _cast(type_name: str, text: str) -> Any:
    """As `'…'::type` does; `character` without a length is that of one letter."""
    bare = type_name.removeprefix("_")
    return cast(type_name, text, (1,), explicit=True) if bare == "bpchar" else cast(type_name, text)
