"""Evaluating SQL expressions: one function for each kind of node of their trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sqlglot import exp

from fake_server.database import operators, types
from fake_server.database.errors import DatabaseError, unsupported
from fake_server.database.like import ilike, like
from fake_server.database.moments import timestamp_text
from fake_server.database.operators import Operator
from fake_server.database.regex import imatches, matches
from fake_server.database.scope import Scope
from fake_server.database.sql import name_of, type_of
from fake_server.database.typed import NULL, Typed, coerce, convert

Operation = Callable[[Any, Scope], Typed]
"""What a node of one kind is worth in a scope."""


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
    alias = name_of(node.args["table"]) if node.args.get("table") else None
    return scope.find(name_of(node), alias)


def _logic(word: str, combine: Callable[[list[bool | None]], bool | None]) -> Operation:
    def operation(node: Any, scope: Scope) -> Typed:
        sides = [_condition(side, scope, word) for side in (node.left, node.right)]
        return Typed("bool", combine(sides))

    return operation


def _not(node: exp.Not, scope: Scope) -> Typed:
    value = _condition(node.this, scope, "NOT")
    return Typed("bool", None if value is None else not value)


def _binary(operator: Operator) -> Operation:
    def operation(node: Any, scope: Scope) -> Typed:
        return operator(evaluate(node.this, scope), evaluate(node.expression, scope))

    return operation


def _comparison(symbol: str) -> Operation:
    compared = _binary(operators.comparison(symbol))

    def operation(node: Any, scope: Scope) -> Typed:
        if isinstance(node.right, exp.Any):
            return _any_of(evaluate(node.left, scope), node.right, scope, operators.ORDERS[symbol])
        return compared(node, scope)

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
    return operators.any_of(left, items, test)


def _in(node: exp.In, scope: Scope) -> Typed:
    left = evaluate(node.this, scope)
    if node.args.get("query"):
        rows = scope.query(node.args["query"].unnest(), scope)
        items = [_only(row) for row in rows]
    else:
        items = [evaluate(item, scope) for item in node.expressions]
    return operators.any_of(left, items, operators.ORDERS["="])


def _between(node: exp.Between, scope: Scope) -> Typed:
    least, most = evaluate(node.args["low"], scope), evaluate(node.args["high"], scope)
    return operators.between(evaluate(node.this, scope), least, most)


def _is(node: exp.Is, scope: Scope) -> Typed:
    value = evaluate(node.this, scope).value
    wanted = node.expression
    same = value is None if isinstance(wanted, exp.Null) else value is wanted.this
    return Typed("bool", same is not bool(node.args.get("negate")))


def _negative(node: exp.Neg, scope: Scope) -> Typed:
    return _known(operators.negative(evaluate(node.this, scope)), node)


def _concatenation(node: exp.DPipe, scope: Scope) -> Typed:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    return _known(operators.concatenation(left, right), node)


def _known(result: Typed | None, node: exp.Expr) -> Typed:
    if result is None:
        raise unsupported(node.sql(dialect="postgres"))
    return result


def _cast(node: exp.Cast, scope: Scope) -> Typed:
    return convert(evaluate(node.this, scope), *type_of(node.to), explicit=True)


def _member(as_text: bool) -> Operation:
    """`->` and `->>`."""

    def operation(node: Any, scope: Scope) -> Typed:
        path = [key.this for key in node.expression.expressions[1:]]
        return operators.member(evaluate(node.this, scope), path, as_text)

    return operation


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


_OPERATIONS: dict[type[exp.Expr], Operation] = {
    exp.Literal: _literal,
    exp.ByteString: lambda node, _: Typed("unknown", str(node.this)),
    exp.Null: lambda _node, _scope: NULL,
    exp.Boolean: lambda node, _: Typed("bool", bool(node.this)),
    exp.Column: _column,
    exp.Paren: lambda node, scope: evaluate(node.this, scope),
    exp.Alias: lambda node, scope: evaluate(node.this, scope),
    exp.And: _logic("AND", operators.both),
    exp.Or: _logic("OR", operators.either),
    exp.Not: _not,
    exp.EQ: _comparison("="),
    exp.NEQ: _comparison("<>"),
    exp.LT: _comparison("<"),
    exp.LTE: _comparison("<="),
    exp.GT: _comparison(">"),
    exp.GTE: _comparison(">="),
    exp.NullSafeEQ: _binary(operators.distinct(False)),
    exp.NullSafeNEQ: _binary(operators.distinct(True)),
    exp.In: _in,
    exp.Between: _between,
    exp.Is: _is,
    exp.Like: _binary(operators.matching(like)),
    exp.ILike: _binary(operators.matching(ilike)),
    exp.RegexpLike: _binary(operators.matching(matches)),
    exp.RegexpILike: _binary(operators.matching(imatches)),
    exp.Add: _binary(operators.arithmetic("+", lambda left, right: left + right)),
    exp.Sub: _binary(operators.arithmetic("-", lambda left, right: left - right)),
    exp.Mul: _binary(operators.arithmetic("*", lambda left, right: left * right)),
    exp.Div: _binary(operators.arithmetic("/", operators.divide)),
    exp.Mod: _binary(operators.arithmetic("%", operators.remainder)),
    exp.Neg: _negative,
    exp.DPipe: _concatenation,
    exp.Cast: _cast,
    exp.JSONExtract: _member(as_text=False),
    exp.JSONExtractScalar: _member(as_text=True),
    exp.ArrayContainsAll: _binary(operators.containment),
    exp.Case: _case,
    exp.Array: _array,
    exp.Subquery: _subquery,
    exp.Exists: _exists,
    exp.Dot: _qualified_call,
    exp.Anonymous: _plain_call,
    exp.CurrentTimestamp: _now,
}
