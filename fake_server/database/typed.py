"""Values with the names of their types: how one becomes another, and how two compare."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from fake_server.database import types
from fake_server.database.catalog import Row, Table
from fake_server.database.errors import DatabaseError
from fake_server.database.json_values import json_text
from fake_server.database.numbers import number_text, round_to_integer
from fake_server.database.ordering import order_key
from fake_server.database.output import output


class Typed(NamedTuple):
    """A value and the name of its type; `unknown` is a literal that takes the type it meets."""

    type: str
    value: Any


NULL = Typed("unknown", None)


def typed_row(table: Table, row: Row) -> dict[str, Typed]:
    """A stored row as its columns' typed values."""
    return {
        column.name: Typed(column.type, row[column.name])
        for column in table.columns
        if column.name in row
    }


def coerce(operand: Typed, type_name: str, modifier: types.Modifier = ()) -> Typed:
    """Read a literal as this type; leave everything else alone."""
    if operand.type == type_name and not modifier:
        return operand
    return convert(operand, type_name, modifier) if operand.type == "unknown" else operand


def convert(
    operand: Typed, type_name: str, modifier: types.Modifier = (), explicit: bool = False
) -> Typed:
    """A value as one of another type; only an explicit cast cuts off what is too long."""
    if operand.value is None:
        return Typed(type_name, None)
    value = operand.value
    fractional = isinstance(value, float | Decimal)
    if fractional and type_name in ("int2", "int4", "int8"):
        value = round_to_integer(value)
    check_range(value, type_name)
    if operand.type == "bool" and types.category(type_name) == "S":
        return Typed(type_name, "true" if value else "false")
    text = value if operand.type == "unknown" else output(operand.type, value)
    return Typed(type_name, types.cast(type_name, text, modifier, explicit))


_BITS = {"int2": 15, "int4": 31, "int8": 63}


def check_range(value: Any, type_name: str) -> None:
    """Raises `DatabaseError` 22003 for a number that an integer of this type cannot hold."""
    if isinstance(value, int) and type_name in _BITS:
        bound = 1 << _BITS[type_name]
        if not -bound <= value < bound:
            raise DatabaseError("22003", f"{types.label(type_name)} out of range")


def assign(operand: Typed, column: str, type_name: str, modifier: types.Modifier) -> Any:
    """The value as stored in a column. Raises `DatabaseError` 42804 where types do not meet."""
    same = types.category(operand.type) == types.category(type_name)
    if not (same or operand.type == "unknown" or types.category(type_name) == "S"):
        raise DatabaseError(
            "42804",
            f'column "{column}" is of type {types.label(type_name)} but expression is of type '
            f"{types.label(operand.type)}",
            hint="You will need to rewrite or cast the expression.",
        )
    return convert(operand, type_name, modifier).value


def compare(left: Typed, right: Typed, symbol: str = "=") -> int | None:
    """-1, 0 or 1; None if either is null. Raises `DatabaseError` 42883 for types that do not
    compare."""
    left, right = meet(left, right, symbol)
    if left.value is None or right.value is None:
        return None
    left_key, right_key = (order_key(side.type, side.value) for side in (left, right))
    return int(left_key > right_key) - int(left_key < right_key)


def meet(left: Typed, right: Typed, symbol: str) -> tuple[Typed, Typed]:
    """Both with a type, where one is a literal; the symbol is for the error. Raises `DatabaseError`
    42883 for types that do not compare."""
    if left.type == "unknown":
        left = convert(left, "text" if right.type == "unknown" else right.type)
    if right.type == "unknown":
        right = convert(right, left.type)
    if types.category(left.type) != types.category(right.type):
        raise undefined_operator(left.type, symbol, right.type)
    return left, right


def undefined_operator(left_type: str, symbol: str, right_type: str) -> DatabaseError:
    """Postgres' words for an operator that these types do not have."""
    return DatabaseError(
        "42883",
        f"operator does not exist: {types.label(left_type)} {symbol} {types.label(right_type)}",
        hint="No operator matches the given name and argument types. You might need to add "
        "explicit type casts.",
    )


def json_value(operand: Typed) -> Any:
    """What `to_jsonb` makes of a value: numbers that JSON lacks become text."""
    number = isinstance(operand.value, float | Decimal)
    if number and json_text(operand.value) == "null":
        return number_text(operand.value)
    if operand.type.startswith("_") and operand.value is not None:
        return [json_value(Typed(operand.type[1:], item)) for item in operand.value]
    return operand.value
