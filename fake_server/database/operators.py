"""SQL's operators on typed values, with Postgres' types and its three-valued logic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fake_server.database import types
from fake_server.database.errors import DatabaseError
from fake_server.database.json_values import json_text
from fake_server.database.numbers import number_text
from fake_server.database.typed import (
    Typed,
    check_range,
    coerce,
    compare,
    convert,
    meet,
    undefined_operator,
)

Operator = Callable[[Typed, Typed], Typed]
"""What two operands come to."""


ORDERS: dict[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "<>": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
"""What a comparison says of an order: -1, 0 or 1."""
SYMBOLS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
"""Of comparisons, by the names that filters have for them."""


def both(sides: Sequence[bool | None]) -> bool | None:
    """`and`."""
    return False if False in sides else None if None in sides else True


def either(sides: Sequence[bool | None]) -> bool | None:
    """`or`."""
    return True if True in sides else None if None in sides else False


def comparison(symbol: str) -> Operator:
    """`=` and its like: what their order says, null where one is null."""
    test = ORDERS[symbol]

    def operator(left: Typed, right: Typed) -> Typed:
        order = compare(left, right, symbol)
        return Typed("bool", None if order is None else test(order))

    return operator


def any_of(left: Typed, items: list[Typed], test: Callable[[int], bool]) -> Typed:
    """`in` and `any`: whether the test holds for one of the items."""
    orders = [compare(left, item) for item in items]
    return Typed("bool", either([None if order is None else test(order) for order in orders]))


def between(value: Typed, least: Typed, most: Typed) -> Typed:
    """`between`, its ends included."""
    low, high = compare(value, least, ">="), compare(value, most, "<=")
    sides = (None if low is None else low >= 0, None if high is None else high <= 0)
    return Typed("bool", both(sides))


def distinct(is_wanted: bool) -> Operator:
    """`is distinct from`, or its opposite: null is like null, and never the answer."""

    def operator(left: Typed, right: Typed) -> Typed:
        order = compare(left, right, "=")
        same = left.value is right.value if order is None else order == 0
        return Typed("bool", same is not is_wanted)

    return operator


def matching(test: Callable[[str, str], bool]) -> Operator:
    """`like`, `~` and their like: whether a text fits a pattern."""

    def operator(left: Typed, right: Typed) -> Typed:
        left, right = coerce(left, "text"), coerce(right, "text")
        for side in (left, right):
            if types.category(side.type) != "S":
                raise undefined_operator(left.type, "~~", right.type)
        if left.value is None or right.value is None:
            return Typed("bool", None)
        return Typed("bool", test(left.value, right.value))

    return operator


def arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> Operator:
    """`+` and its like, in the wider type of the two."""

    def operator(left: Typed, right: Typed) -> Typed:
        left, right = meet(left, right, symbol)
        if types.category(left.type) != "N":
            raise undefined_operator(left.type, symbol, right.type)
        kind = _wider(left.type, right.type)
        if left.value is None or right.value is None:
            return Typed(kind, None)
        if kind == "float8":
            return Typed(kind, compute(float(left.value), float(right.value)))
        result = compute(left.value, right.value)
        check_range(result, kind)
        return Typed(kind, types.cast(kind, number_text(result)))

    return operator


_WIDTH = ("int2", "int4", "int8", "numeric", "float4", "float8")


def _wider(left: str, right: str) -> str:
    kind = max(left, right, key=_WIDTH.index)
    return "float8" if kind == "float4" else kind


def divide(left: Any, right: Any) -> Any:
    """`/`: integers are cut towards zero. Raises `DatabaseError` 22012."""
    if not right:
        raise DatabaseError("22012", "division by zero")
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def remainder(left: Any, right: Any) -> Any:
    """`%`, with the sign of the left."""
    return left - right * divide(left, right)


def negative(operand: Typed) -> Typed | None:
    """The sign turned; None for what has none."""
    if operand.type == "unknown" or types.category(operand.type) != "N":
        return None
    return Typed(operand.type, None if operand.value is None else -operand.value)


def concatenation(left: Typed, right: Typed) -> Typed | None:
    """`||` of texts and of `jsonb` objects; None for other `jsonb`."""
    if "jsonb" in (left.type, right.type):
        left, right = coerce(left, "jsonb"), coerce(right, "jsonb")
        if isinstance(left.value, dict) and isinstance(right.value, dict):
            return Typed("jsonb", {**left.value, **right.value})
        return None
    if left.value is None or right.value is None:
        return Typed("text", None)
    return Typed("text", convert(left, "text").value + convert(right, "text").value)


def member(whole: Typed, path: list[Any], as_text: bool) -> Typed:
    """`->`, and `->>` as text: what a key or an index finds, step by step."""
    found = coerce(whole, "jsonb").value
    for key in path:
        found = _step(found, key)
    if not as_text:
        return Typed("jsonb", found)
    if found is None or isinstance(found, str):
        return Typed("text", found)
    return Typed("text", json_text(found))


def _step(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(str(key))
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return None


def containment(left: Typed, right: Typed) -> Typed:
    """`@>`."""
    left, right = coerce(left, "jsonb"), coerce(right, left.type)
    if left.value is None or right.value is None:
        return Typed("bool", None)
    return Typed("bool", contains(left.value, right.value))


def contains(whole: Any, part: Any) -> bool:
    """`@>` for jsonb and arrays."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(contains(item, wanted) for item in whole) for wanted in part)
    return type(whole) is type(part) and bool(whole == part)
