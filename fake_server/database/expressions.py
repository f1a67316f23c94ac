"""Evaluating SQL expressions: operators with Postgres' types and its three-valued logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from sqlglot import exp

from fake_server.database import types
from fake_server.database.catalog import Caller, Row, Table
from fake_server.database.errors import DatabaseError, undefined_column, unsupported
from fake_server.database.like import like
from fake_server.database.moments import timestamp_text
from fake_server.database.regex import matches
from fake_server.database.sql import name_of, type_of


class Typed(NamedTuple):
    """A value and the name of its type; `unknown` is a literal that takes the type it meets."""

    type: str
    value: Any


NULL = Typed("unknown", None)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can see: relations by alias, who asks, and how to run a subquery."""

    caller: Caller
    now_s: float
    call: Callable[[str, list[Typed], dict[str, Typed], Scope], Typed]
    """Calls a function: name, arguments, named arguments."""
    query: Callable[[exp.Expr, Scope], list[dict[str, Typed]]]
    """Runs a subquery within this scope."""
    relations: Mapping[str, Mapping[str, Typed]] = field(default_factory=dict)
    outer: Scope | None = None

    def within(self, relations: Mapping[str, Mapping[str, Typed]]) -> Scope:
        """The scope of an inner query, or of one row."""
        return Scope(self.caller, self.now_s, self.call, self.query, relations, self)


def typed_row(table: Table, row: Row) -> dict[str, Typed]:
    """A stored row as its columns' typed values."""
    return {
        column.name: Typed(column.type, row[column.name])
        for column in table.columns
        if column.name in row
    }


def evaluate(node: exp.Expr, scope: Scope) -> Typed:
    """The value of an expression. Raises `DatabaseError`."""
    operation = _OPERATIONS.get(type(node))
    if operation is None:
        raise unsupported(node.sql(dialect="postgres"))
    return operation(node, scope)


def is_true(node: exp.Expr, scope: Scope) -> bool:
    """Whether a condition holds: NULL does not. Raises `DatabaseError` 42804 for no boolean."""
    return _condition(node, scope, "WHERE") is True


def _condition(node: exp.Expr, scope: Scope, where: str) -> bool | None:
    """A boolean, or NULL. Raises `DatabaseError` 42804 for anything else."""
    operand = coerce(evaluate(node, scope), "bool")
    if operand.type != "bool":
        kind = types.label(operand.type)
        message = f"argument of {where} must be type boolean, not type {kind}"
        raise DatabaseError("42804", message)
    return None if operand.value is None else bool(operand.value)


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
        value = types.round_to_integer(value)
    if isinstance(value, int) and type_name in _BITS and not _fits(value, type_name):
        raise DatabaseError("22003", f"{types.label(type_name)} out of range")
    if operand.type == "bool" and types.category(type_name) == "S":
        return Typed(type_name, "true" if value else "false")
    text = value if operand.type == "unknown" else types.output(operand.type, value)
    return Typed(type_name, types.cast(type_name, text, modifier, explicit))


_BITS = {"int2": 15, "int4": 31, "int8": 63}


def _fits(number: int, type_name: str) -> bool:
    bound = 1 << _BITS[type_name]
    return -bound <= number < bound


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
    left, right = _meet(left, right, symbol)
    if left.value is None or right.value is None:
        return None
    left_key, right_key = (types.order_key(side.type, side.value) for side in (left, right))
    return int(left_key > right_key) - int(left_key < right_key)


def _meet(left: Typed, right: Typed, symbol: str) -> tuple[Typed, Typed]:
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
    if number and types.json_text(operand.value) == "null":
        return types.number_text(operand.value)
    if operand.type.startswith("_") and operand.value is not None:
        return [json_value(Typed(operand.type[1:], item)) for item in operand.value]
    return operand.value


# One function for each kind of node.


def _literal(node: exp.Literal, _: Scope) -> Typed:
    text = str(node.this)
    if node.is_string:
        return Typed("unknown", text)
    if not text.isdecimal():
        return Typed("numeric", types.cast("numeric", text))
    number = int(text)
    kind = "int4" if number < 1 << 31 else "int8" if number < 1 << 63 else "numeric"
    return Typed(kind, Decimal(number) if kind == "numeric" else number)


def _column(node: exp.Column, scope: Scope) -> Typed:
    name = name_of(node)
    alias = name_of(node.args["table"]) if node.args.get("table") else None
    level: Scope | None = scope
    while level is not None:
        for relation, columns in level.relations.items():
            if alias in (None, relation) and name in columns:
                return columns[name]
        if alias is None and name in level.relations:
            return _record(level.relations[name])
        level = level.outer
    raise undefined_column(f"{alias}.{name}" if alias else name)


def _record(columns: Mapping[str, Typed]) -> Typed:
    """A whole row as one value: what `new` and `old` are in a trigger."""
    if not columns:
        return Typed("jsonb", None)
    return Typed("jsonb", {name: json_value(typed) for name, typed in columns.items()})


def _and(node: exp.And, scope: Scope) -> Typed:
    sides = [_condition(side, scope, "AND") for side in (node.left, node.right)]
    return Typed("bool", False if False in sides else None if None in sides else True)


def _or(node: exp.Or, scope: Scope) -> Typed:
    sides = [_condition(side, scope, "OR") for side in (node.left, node.right)]
    return Typed("bool", True if True in sides else None if None in sides else False)


def _not(node: exp.Not, scope: Scope) -> Typed:
    value = _condition(node.this, scope, "NOT")
    return Typed("bool", None if value is None else not value)


def _comparison(symbol: str, test: Callable[[int], bool]) -> Callable[[Any, Scope], Typed]:
    def operation(node: Any, scope: Scope) -> Typed:
        left = evaluate(node.left, scope)
        if isinstance(node.right, exp.Any):
            return _any_of(left, node.right, scope, test)
        order = compare(left, evaluate(node.right, scope), symbol)
        return Typed("bool", None if order is None else test(order))

    return operation


def _any_of(left: Typed, node: exp.Any, scope: Scope, test: Callable[[int], bool]) -> Typed:
    operand = node.this.unnest()
    if isinstance(operand, exp.Select):
        items = [_only(row) for row in scope.query(operand, scope)]
    else:
        array = coerce(evaluate(operand, scope), f"_{left.type}")
        if not array.type.startswith("_"):
            raise DatabaseError("42809", "op ANY/ALL (array) requires array on right side")
        items = [Typed(array.type[1:], item) for item in array.value or []]
    return _exists_match(left, items, test)


def _exists_match(left: Typed, items: list[Typed], test: Callable[[int], bool]) -> Typed:
    orders = [compare(left, item) for item in items]
    if any(order is not None and test(order) for order in orders):
        return Typed("bool", True)
    return Typed("bool", None if None in orders else False)


def _in(node: exp.In, scope: Scope) -> Typed:
    left = evaluate(node.this, scope)
    if node.args.get("query"):
        rows = scope.query(node.args["query"].unnest(), scope)
        items = [_only(row) for row in rows]
    else:
        items = [evaluate(item, scope) for item in node.expressions]
    return _exists_match(left, items, lambda order: order == 0)


def _between(node: exp.Between, scope: Scope) -> Typed:
    value = evaluate(node.this, scope)
    low = compare(value, evaluate(node.args["low"], scope), ">=")
    high = compare(value, evaluate(node.args["high"], scope), "<=")
    if (low is not None and low < 0) or (high is not None and high > 0):
        return Typed("bool", False)
    return Typed("bool", None if low is None or high is None else True)


def _is(node: exp.Is, scope: Scope) -> Typed:
    value = evaluate(node.this, scope).value
    wanted = node.expression
    same = value is None if isinstance(wanted, exp.Null) else value is wanted.this
    return Typed("bool", same is not bool(node.args.get("negate")))


def _distinct(distinct: bool) -> Callable[[Any, Scope], Typed]:
    def operation(node: Any, scope: Scope) -> Typed:
        left, right = evaluate(node.left, scope), evaluate(node.right, scope)
        order = compare(left, right, "=")
        same = left.value is right.value if order is None else order == 0
        return Typed("bool", same is not distinct)

    return operation


def _matching(test: Callable[[str, str], bool]) -> Callable[[Any, Scope], Typed]:
    def operation(node: Any, scope: Scope) -> Typed:
        left = coerce(evaluate(node.this, scope), "text")
        right = coerce(evaluate(node.expression, scope), "text")
        for side in (left, right):
            if types.category(side.type) != "S":
                raise undefined_operator(left.type, "~~", right.type)
        if left.value is None or right.value is None:
            return Typed("bool", None)
        return Typed("bool", test(left.value, right.value))

    return operation


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Scope], Typed]:
    def operation(node: Any, scope: Scope) -> Typed:
        left, right = evaluate(node.left, scope), evaluate(node.right, scope)
        left, right = _meet(left, right, symbol)
        if types.category(left.type) != "N":
            raise undefined_operator(left.type, symbol, right.type)
        kind = _wider(left.type, right.type)
        if left.value is None or right.value is None:
            return Typed(kind, None)
        if kind == "float8":
            return Typed(kind, compute(float(left.value), float(right.value)))
        result = compute(left.value, right.value)
        if kind in _BITS and not _fits(result, kind):
            raise DatabaseError("22003", f"{types.label(kind)} out of range")
        return Typed(kind, types.cast(kind, types.number_text(result)))

    return operation


_WIDTH = ("int2", "int4", "int8", "numeric", "float4", "float8")


def _wider(left: str, right: str) -> str:
    kind = max(left, right, key=_WIDTH.index)
    return "float8" if kind == "float4" else kind


def _divide(left: Any, right: Any) -> Any:
    if not right:
        raise DatabaseError("22012", "division by zero")
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _remainder(left: Any, right: Any) -> Any:
    return left - right * _divide(left, right)


def _negative(node: exp.Neg, scope: Scope) -> Typed:
    operand = evaluate(node.this, scope)
    if operand.type == "unknown" or types.category(operand.type) != "N":
        raise unsupported(node.sql(dialect="postgres"))
    return Typed(operand.type, None if operand.value is None else -operand.value)


def _concatenation(node: exp.DPipe, scope: Scope) -> Typed:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    if "jsonb" in (left.type, right.type):
        left, right = coerce(left, "jsonb"), coerce(right, "jsonb")
        if isinstance(left.value, dict) and isinstance(right.value, dict):
            return Typed("jsonb", {**left.value, **right.value})
        raise unsupported(node.sql(dialect="postgres"))
    if left.value is None or right.value is None:
        return Typed("text", None)
    return Typed("text", convert(left, "text").value + convert(right, "text").value)


def _cast(node: exp.Cast, scope: Scope) -> Typed:
    return convert(evaluate(node.this, scope), *type_of(node.to), explicit=True)


def _member(as_text: bool) -> Callable[[Any, Scope], Typed]:
    """`->` and `->>`."""

    def operation(node: Any, scope: Scope) -> Typed:
        found = coerce(evaluate(node.this, scope), "jsonb").value
        for key in node.expression.expressions[1:]:
            found = _step(found, key.this)
        if not as_text:
            return Typed("jsonb", found)
        if found is None or isinstance(found, str):
            return Typed("text", found)
        return Typed("text", types.json_text(found))

    return operation


def _step(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(str(key))
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return None


def _contains(node: exp.ArrayContainsAll, scope: Scope) -> Typed:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
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


def _case(node: exp.Case, scope: Scope) -> Typed:
    for branch in node.args["ifs"]:
        condition = branch.this
        if node.this is not None:
            condition = exp.EQ(this=node.this, expression=condition)
        if is_true(condition, scope):
            return evaluate(branch.args["true"], scope)
    default = node.args.get("default")
    return evaluate(default, scope) if default else NULL


def _array(node: exp.Array, scope: Scope) -> Typed:
    items = [evaluate(item, scope) for item in node.expressions]
    kind = next((item.type for item in items if item.type != "unknown"), "text")
    return Typed(f"_{kind}", [coerce(item, kind).value for item in items])


def _only(row: Mapping[str, Typed]) -> Typed:
    if len(row) != 1:
        raise DatabaseError("42601", "subquery must return only one column")
    return next(iter(row.values()))


def _subquery(node: exp.Subquery, scope: Scope) -> Typed:
    rows = scope.query(node.unnest(), scope)
    if len(rows) > 1:
        raise DatabaseError(
            "21000", "more than one row returned by a subquery used as an expression"
        )
    return _only(rows[0]) if rows else NULL


def _exists(node: exp.Exists, scope: Scope) -> Typed:
    return Typed("bool", bool(scope.query(node.this.unnest(), scope)))


def _qualified_call(node: exp.Dot, scope: Scope) -> Typed:
    if not isinstance(node.expression, exp.Anonymous):
        raise unsupported(node.sql(dialect="postgres"))
    return _call(f"{name_of(node.this)}.", node.expression, scope)


def _plain_call(node: exp.Anonymous, scope: Scope) -> Typed:
    return _call("", node, scope)


def _call(schema: str, node: exp.Anonymous, scope: Scope) -> Typed:
    name = schema + str(node.this).lower()
    named = {
        name_of(item.this): evaluate(item.expression, scope)
        for item in node.expressions
        if isinstance(item, exp.Kwarg)
    }
    plain = [item for item in node.expressions if not isinstance(item, exp.Kwarg)]
    if name == "count":
        raise unsupported("count() outside of a SELECT list")
    return scope.call(name, [evaluate(item, scope) for item in plain], named, scope)


def _now(_: exp.Expr, scope: Scope) -> Typed:
    return Typed("timestamptz", timestamp_text(scope.now_s))


_OPERATIONS: dict[type[exp.Expr], Callable[[Any, Scope], Typed]] = {
    exp.Literal: _literal,
    exp.ByteString: lambda node, _: Typed("unknown", str(node.this)),
    exp.Null: lambda _node, _scope: NULL,
    exp.Boolean: lambda node, _: Typed("bool", bool(node.this)),
    exp.Column: _column,
    exp.Paren: lambda node, scope: evaluate(node.this, scope),
    exp.Alias: lambda node, scope: evaluate(node.this, scope),
    exp.And: _and,
    exp.Or: _or,
    exp.Not: _not,
    exp.EQ: _comparison("=", lambda order: order == 0),
    exp.NEQ: _comparison("<>", lambda order: order != 0),
    exp.LT: _comparison("<", lambda order: order < 0),
    exp.LTE: _comparison("<=", lambda order: order <= 0),
    exp.GT: _comparison(">", lambda order: order > 0),
    exp.GTE: _comparison(">=", lambda order: order >= 0),
    exp.NullSafeEQ: _distinct(distinct=False),
    exp.NullSafeNEQ: _distinct(distinct=True),
    exp.In: _in,
    exp.Between: _between,
    exp.Is: _is,
    exp.Like: _matching(like),
    exp.ILike: _matching(lambda text, pattern: like(text, pattern, ignore_case=True)),
    exp.RegexpLike: _matching(matches),
    exp.RegexpILike: _matching(lambda text, pattern: matches(text, pattern, ignore_case=True)),
    exp.Add: _arithmetic("+", lambda left, right: left + right),
    exp.Sub: _arithmetic("-", lambda left, right: left - right),
    exp.Mul: _arithmetic("*", lambda left, right: left * right),
    exp.Div: _arithmetic("/", _divide),
    exp.Mod: _arithmetic("%", _remainder),
    exp.Neg: _negative,
    exp.DPipe: _concatenation,
    exp.Cast: _cast,
    exp.JSONExtract: _member(as_text=False),
    exp.JSONExtractScalar: _member(as_text=True),
    exp.ArrayContainsAll: _contains,
    exp.Case: _case,
    exp.Array: _array,
    exp.Subquery: _subquery,
    exp.Exists: _exists,
    exp.Dot: _qualified_call,
    exp.Anonymous: _plain_call,
    exp.CurrentTimestamp: _now,
}
