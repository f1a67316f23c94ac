"""What a SELECT gives of the rows that it has found: its list, series of numbers, and order."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from fake_server.database.catalog import Table
from fake_server.database.errors import DatabaseError, unsupported
from fake_server.database.expressions import evaluate
from fake_server.database.ordering import order_key
from fake_server.database.scope import Scope
from fake_server.database.sql import name_of
from fake_server.database.typed import Typed

_SERIES_MAX = 1_000_000


def nulls(table: Table) -> dict[str, Typed]:
    """A row that is not there."""
    return {column.name: Typed(column.type, None) for column in table.columns}


def require_columns(statement: exp.Expr, scope: Scope) -> None:
    """Find a column that does not exist also where there is no row to evaluate it on."""
    owner = statement if isinstance(statement, exp.Select) else None
    clauses = [statement.args.get(name) for name in ("where", "returning")]
    for clause in (*(clause for clause in clauses if clause), *_outputs(statement)):
        for column in clause.find_all(exp.Column):
            if column.find_ancestor(exp.Select) is owner:
                evaluate(column, scope)


def _outputs(statement: exp.Expr) -> list[exp.Expr]:
    return statement.expressions if isinstance(statement, exp.Select) else []


def refuse_clauses(statement: exp.Select) -> None:
    """Raises `DatabaseError` 0A000 for what this database does not know of SELECT."""
    for clause in ("joins", "group", "having", "distinct", "with_", "windows"):
        if statement.args.get(clause):
            raise unsupported(statement.sql(dialect="postgres")[:200])


def sort(shown: list[tuple[Scope, dict[str, Typed]]], ordered: exp.Ordered) -> None:
    """Order the rows by one expression: a column of the result, its number, or any other."""
    keyed = [(_ordered_by(ordered.this, *pair), pair) for pair in shown]
    nulls = [pair for key, pair in keyed if key.value is None]
    others = [(order_key(*key), pair) for key, pair in keyed if key.value is not None]
    others.sort(key=lambda item: item[0], reverse=bool(ordered.args.get("desc")))
    found = [pair for _, pair in others]
    shown[:] = [*nulls, *found] if ordered.args.get("nulls_first") else [*found, *nulls]


def _ordered_by(node: exp.Expr, scope: Scope, row: dict[str, Typed]) -> Typed:
    if isinstance(node, exp.Literal) and not node.is_string:
        return list(row.values())[int(node.this) - 1]
    if isinstance(node, exp.Column) and not node.args.get("table") and name_of(node) in row:
        return row[name_of(node)]
    return evaluate(node, scope)


def counts(statement: exp.Select) -> bool:
    """Whether it asks for nothing but `count(*)`."""
    items = [item.unalias() for item in statement.expressions]
    return (
        len(items) == 1
        and isinstance(items[0], exp.Anonymous)
        and (str(items[0].this).lower() == "count")
    )


def project(items: list[exp.Expr], scope: Scope) -> Iterator[dict[str, Typed]]:
    """The output row; or several, when a series is selected."""
    for item in items:
        if _is_series(item.unalias()):
            for value in series(item.unalias(), scope):
                yield {_output_name(item): value}
            return
    row: dict[str, Typed] = {}
    for item in items:
        if isinstance(item, exp.Star):
            for columns in scope.relations.values():
                row |= columns
        else:
            row[_free_name(_output_name(item), row)] = evaluate(item, scope)
    yield row


def _free_name(name: str, row: dict[str, Typed]) -> str:
    """Postgres may give two columns one name; here the later ones get a number."""
    if name not in row:
        return name
    return next(free for n in range(2, len(row) + 3) if (free := f"{name}_{n}") not in row)


def _output_name(item: exp.Expr) -> str:
    if isinstance(item, exp.Alias):
        return name_of(item.args["alias"])
    if isinstance(item, exp.Cast):
        return _output_name(item.this)
    if isinstance(item, exp.Dot):
        return _output_name(item.expression)
    if isinstance(item, exp.Column):
        return name_of(item)
    return str(item.this).lower() if isinstance(item, exp.Anonymous) else "?column?"


def _is_series(item: exp.Expr) -> bool:
    return isinstance(item, exp.Anonymous) and str(item.this).lower() == "generate_series"


def series(node: exp.Expr, scope: Scope) -> Iterator[Typed]:
    """`generate_series` of integers. Raises `DatabaseError` 0A000 for any other function, 54000 for
    more rows than there is room for."""
    if not _is_series(node):
        raise unsupported(node.sql(dialect="postgres"))
    bounds = [evaluate(item, scope).value for item in node.expressions]
    first, last, step = (*bounds, 1)[:3]
    if not all(isinstance(bound, int) for bound in (first, last, step)) or not step:
        raise unsupported(node.sql(dialect="postgres"))
    if abs(last - first) // abs(step) > _SERIES_MAX:
        raise DatabaseError("54000", f"generate_series of more than {_SERIES_MAX} rows")
    for number in range(first, last + (1 if step > 0 else -1), step):
        yield Typed("int4", number)
