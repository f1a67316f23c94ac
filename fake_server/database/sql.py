"""Reading SQL: PostgreSQL statements and expressions as trees, by sqlglot."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.parsers.postgres import PostgresParser

from fake_server.database.errors import DatabaseError
from fake_server.database.types import canonical

# It warns of each statement that it keeps as text; ours answer for those themselves.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class _Dialect(Postgres):
    """PostgreSQL, with every function call kept as it was written."""

    class Parser(PostgresParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}


@lru_cache(maxsize=1024)
def parse_statements(text: str) -> tuple[exp.Expr, ...]:
    """The statements of a script. Raises `DatabaseError` 42601 for what is no SQL."""
    try:
        return tuple(tree for tree in sqlglot.parse(text, dialect=_Dialect) if tree is not None)
    except (SqlglotError, RecursionError) as error:
        raise DatabaseError("42601", _reason(error)) from None


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> exp.Expr:
    """One expression, as in a policy or a default. Raises `DatabaseError` 42601."""
    statements = parse_statements(f"select {text}")
    select = statements[0] if len(statements) == 1 else None
    if (
        not isinstance(select, exp.Select)
        or len(select.expressions) != 1
        or select.args.get("from_")
    ):
        raise DatabaseError("42601", f"{text!r} is no single SQL expression")
    tree: exp.Expr = select.expressions[0]
    return tree


def name_of(identifier: exp.Expr) -> str:
    """An identifier as Postgres folds it: lower case unless quoted."""
    inner = identifier.this if isinstance(identifier, exp.Column) else identifier
    text = str(inner.this) if isinstance(inner, exp.Identifier) else str(inner)
    return text if isinstance(inner, exp.Identifier) and inner.args.get("quoted") else text.lower()


def table_key(table: exp.Expr) -> tuple[str, str]:
    """Schema and name of a table reference; the schema is `public` unless given."""
    if isinstance(table, exp.Schema):
        table = table.this
    schema = table.args.get("db")
    return name_of(schema) if schema else "public", name_of(table.this)


def type_of(tree: exp.Expr) -> tuple[str, tuple[int, ...]]:
    """`pg_type`'s name and modifier of a type in SQL. Raises `DatabaseError` 42704."""
    if isinstance(tree, exp.DataType) and tree.this is exp.DType.ARRAY:
        element, modifier = type_of(tree.expressions[0])
        return f"_{element}", modifier
    words = tree.sql(dialect="postgres").lower()
    plain, _, brackets = words.partition("(")
    found = canonical(plain)
    if found is None:
        raise DatabaseError("42704", f'type "{plain}" does not exist')
    return found, tuple(int(part) for part in brackets.rstrip(")").split(",") if part.strip())


def _reason(error: Exception) -> str:
    errors = getattr(error, "errors", None)
    if not errors:
        return f"syntax error: {str(error).splitlines()[0] or type(error).__name__}"
    return f'syntax error at or near "{errors[0]["highlight"]}"'
