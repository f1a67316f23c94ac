"""Filters as conditions on rows, with Postgres' types, operators and three-valued logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from fake_server.database import DatabaseError, Row, Table, types
from fake_server.database.like import ilike, like
from fake_server.database.operators import ORDERS, SYMBOLS, both, contains, either
from fake_server.database.regex import imatches, matches
from fake_server.database.typed import Typed, compare, convert, undefined_operator
from fake_server.rest.model import Condition, Logic, Tree
from fake_server.rest.search import read_search
from fake_server.rest.values import getter

T = TypeVar("T")
Test = Callable[[Row], bool | None]
"""Whether a row fits; None is SQL's unknown."""

_PATTERNS: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "like": ("~~", like),
    "ilike": ("~~*", ilike),
    "match": ("~", matches),
    "imatch": ("~*", imatches),
}
_RANGES = {"sl": "<<", "sr": ">>", "nxr": "&<", "nxl": "&>", "adj": "-|-"}
_SETS = {"cs": "@>", "cd": "<@", "ov": "&&"}


def holds(test: Test, row: Row) -> bool:
    """Whether a row is chosen: unknown does not choose it."""
    return test(row) is True


def tree_test(table: Table, tree: Tree, special: Callable[[Condition], Test | None]) -> Test:
    """A condition, or several that are connected. `special` knows what is no column of the table.

    Raises `DatabaseError`, also where no row would be asked.
    """
    if isinstance(tree, Logic):
        parts = [tree_test(table, part, special) for part in tree.parts]
        return _negated(any_of(parts) if tree.any_of else all_of(parts), tree.negated)
    return _negated(special(tree) or _condition(table, tree), tree.negated)


def all_of(tests: list[Callable[[T], bool | None]]) -> Callable[[T], bool | None]:
    """`AND`, with SQL's unknown."""
    return lambda operand: both([each(operand) for each in tests])


def any_of(tests: list[Callable[[T], bool | None]]) -> Callable[[T], bool | None]:
    """`OR`, with SQL's unknown."""
    return lambda operand: either([each(operand) for each in tests])


def _negated(test: Test, negated: bool) -> Test:
    if not negated:
        return test

    def opposite(row: Row) -> bool | None:
        found = test(row)
        return None if found is None else not found

    return opposite


def _condition(table: Table, condition: Condition) -> Test:
    kind, get = getter(table, condition.field)
    compared = _value_test(kind, condition)
    return lambda row: compared(get(row))


ValueTest = Callable[[Typed], bool | None]


def _value_test(kind: str, condition: Condition) -> ValueTest:
    operator = condition.operator
    if condition.quantifier is not None:
        return _quantified(kind, condition)
    if operator == "is":
        return _is(kind, condition.value)
    if operator == "in":
        options = [_ordered(kind, "eq", value) for value in condition.values]
        return any_of(options)
    if operator == "isdistinct":
        return _distinct(kind, condition.value)
    if operator in SYMBOLS:
        return _ordered(kind, operator, condition.value)
    if operator in _PATTERNS:
        return _pattern(kind, operator, condition.value)
    if operator in _SETS:
        return _set(kind, operator, condition.value)
    if operator in _RANGES:
        raise undefined_operator(kind, _RANGES[operator], "unknown")
    return read_search(kind, condition)


def _quantified(kind: str, condition: Condition) -> ValueTest:
    """`eq(any).{1,2}`: one test for each item of the array."""
    array = types.cast("_text", condition.value)
    single = replace(condition, quantifier=None)
    tests = [_value_test(kind, replace(single, value=str(item))) for item in array]
    return any_of(tests) if condition.quantifier == "any" else all_of(tests)


def _literal(kind: str, text: str) -> Typed:
    """A value of the query as the type it is compared with. Raises `DatabaseError`."""
    return convert(Typed("unknown", text), kind)


def _ordered(kind: str, operator: str, text: str) -> ValueTest:
    symbol = SYMBOLS[operator]
    test = ORDERS[symbol]
    if kind == "json":
        raise undefined_operator(kind, symbol, "unknown")
    wanted = _literal(kind, text)

    def compared(value: Typed) -> bool | None:
        order = compare(value, wanted, symbol)
        return None if order is None else test(order)

    return compared


def _distinct(kind: str, text: str) -> ValueTest:
    equal = _ordered(kind, "eq", text)
    return lambda value: equal(value) is not True


def _is(kind: str, word: str) -> ValueTest:
    if word in ("null", "not_null"):
        return lambda value: (value.value is None) is (word == "null")
    if kind != "bool":
        message = f"argument of IS {word.upper()} must be type boolean, not type "
        raise DatabaseError("42804", message + types.label(kind))
    wanted = {"true": True, "false": False, "unknown": None}[word]
    return lambda value: value.value is wanted


def _pattern(kind: str, operator: str, text: str) -> ValueTest:
    symbol, test = _PATTERNS[operator]
    if types.category(kind) != "S":
        raise undefined_operator(kind, symbol, "unknown")
    pattern = text.replace("*", "%") if "like" in operator else text
    test("", pattern)  # A broken pattern is refused also where there is no row.
    return lambda value: None if value.value is None else test(value.value, pattern)


def _set(kind: str, operator: str, text: str) -> ValueTest:
    symbol = _SETS[operator]
    known = kind.startswith("_") or (kind == "jsonb" and operator != "ov")
    if not known:
        raise undefined_operator(kind, symbol, "unknown")
    wanted = _literal(kind, text).value

    def compared(value: Typed) -> bool | None:
        return None if value.value is None else _sets(operator, value.value, wanted)

    return compared


def _sets(operator: str, own: Any, wanted: Any) -> bool:
    if operator == "cs":
        return contains(own, wanted)
    if operator == "cd":
        return contains(wanted, own)
    return any(item is not None and item in wanted for item in own)
