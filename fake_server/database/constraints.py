"""What a row must be like: not null, checks; and how little an error may tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from fake_server.database.catalog import Caller, Column, Row, Table
from fake_server.database.errors import DatabaseError
from fake_server.database.expressions import is_true
from fake_server.database.output import output
from fake_server.database.rights import granted
from fake_server.database.scope import Scope
from fake_server.database.sql import parse_expression
from fake_server.database.typed import typed_row

_IN_WORDS = {"update": ("update", "updating"), "delete": ("delete from", "deleting from")}


def check_row(table: Table, row: Row, scope: Scope) -> None:
    """Raises `DatabaseError` 23502 for a null, 23514 for a check that fails, in Postgres' order:
    nulls by column, then checks by name."""
    for column in table.columns:
        if row[column.name] is None and not column.nullable:
            raise DatabaseError(
                "23502",
                f'null value in column "{column.name}" of relation "{table.name}" '
                "violates not-null constraint",
                _failing_row(table, row),
            )
    inner = scope.within({table.name: typed_row(table, row)})
    for column in sorted(table.columns, key=lambda column: column.name):
        if column.check is not None:
            _check(table, column, row, inner)


def _check(table: Table, column: Column, row: Row, scope: Scope) -> None:
    condition = parse_expression(f"({column.check}) is not false")
    if not is_true(condition, scope):
        raise DatabaseError(
            "23514",
            f'new row for relation "{table.name}" violates check constraint '
            f'"{table.name}_{column.name}_check"',
            _failing_row(table, row),
        )


def _failing_row(table: Table, row: Row) -> str:
    values = (
        "null" if row[column.name] is None else output(column.type, row[column.name])[:64]
        for column in table.columns
    )
    return f"Failing row contains ({', '.join(values)})."


def require_replica_identity(table: Table, command: Literal["update", "delete"]) -> None:
    """Raises `DatabaseError` 55000 for a published table whose log could not tell its rows."""
    has_identity = table.replica_identity == "full" or (
        table.primary_key and table.replica_identity == "default"
    )
    if not table.published or has_identity:
        return
    verb, doing = _IN_WORDS[command]
    raise DatabaseError(
        "55000",
        f'cannot {verb} table "{table.name}" because it does not have a replica identity and '
        f"publishes {command}s",
        hint=f"To enable {doing} the table, set REPLICA IDENTITY using ALTER TABLE.",
    )


def hides(table: Table, caller: Caller) -> bool:
    """Whether errors may not tell this caller what is in the table."""
    if caller.owns_everything:
        return False
    return (table.rls and not caller.bypasses_rls) or not granted(table, "select", caller)


@contextmanager
def discreet(table: Table, caller: Caller) -> Iterator[None]:
    """Errors within tell no more than this caller may see."""
    try:
        yield
    except DatabaseError as error:
        if not hides(table, caller):
            raise
        raise DatabaseError(error.code, error.message, None, error.hint) from None
