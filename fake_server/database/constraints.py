"""What a row must be like: not null, checks, references; and how little an error may tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fake_server.database.catalog import Caller, Column, Row, Table
from fake_server.database.errors import DatabaseError
from fake_server.database.expressions import is_true
from fake_server.database.output import output
from fake_server.database.rights import granted
from fake_server.database.scope import Scope
from fake_server.database.sql import parse_expression
from fake_server.database.typed import typed_row


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


def no_parent(table: Table, column: Column, key: str, caller: Caller) -> DatabaseError:
    """A reference to a row that is not there; `key` is how it is shown to those who may see it."""
    assert column.references is not None
    shown = "" if hides(table, caller) else f" {key}"
    return DatabaseError(
        "23503",
        f'insert or update on table "{table.name}" violates foreign key constraint '
        f'"{table.name}_{column.name}_fkey"',
        f'Key{shown} is not present in table "{column.references.table}".',
    )


def has_children(
    table: Table, child: Table, column: Column, key: str, caller: Caller
) -> DatabaseError:
    """A row that is to go, or to have another key, is referred to."""
    shown = "" if hides(table, caller) else f" {key}"
    return DatabaseError(
        "23503",
        f'update or delete on table "{table.name}" violates foreign key constraint '
        f'"{child.name}_{column.name}_fkey" on table "{child.name}"',
        f'Key{shown} is still referenced from table "{child.name}".',
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
