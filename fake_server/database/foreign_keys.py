"""Foreign keys: what a row refers to is there, and what is referred to stays."""

from __future__ import annotations

from fake_server.database.catalog import Caller, Column, Row, Table
from fake_server.database.constraints import hides
from fake_server.database.errors import DatabaseError
from fake_server.database.tables import Tables


def check_parents(tables: Tables, table: Table, row: Row, caller: Caller) -> None:
    """Raises `DatabaseError` 23503 for a reference to a row that is not there."""
    for column in table.columns:
        parent = column.references
        if parent is None or row[column.name] is None:
            continue
        heap = tables.heap((parent.schema, parent.table))
        if heap.find((parent.column,), {parent.column: row[column.name]}) is None:
            key = tables.heap(table.key).describe((column.name,), row)
            raise _no_parent(table, column, key, caller)


def check_children(
    tables: Tables, table: Table, before: Row, after: Row | None, caller: Caller
) -> None:
    """Raises `DatabaseError` 23503 where others refer to a key that a row had, and has no more."""
    for child, column in tables.children(table.key):
        parent = column.references
        assert parent is not None
        gone = after is None or after[parent.column] != before[parent.column]
        if gone and referring(tables, child, column, before[parent.column]):
            key = tables.heap(table.key).describe((parent.column,), before)
            raise _has_children(table, child, column, key, caller)


def referring(tables: Tables, child: Table, column: Column, value: object) -> list[tuple[int, Row]]:
    """The rows of a table that refer to this value, with their ids."""
    rows = tables.heap(child.key).scan()
    return [(row_id, row) for row_id, row in rows if row[column.name] == value]


def _no_parent(table: Table, column: Column, key: str, caller: Caller) -> DatabaseError:
    """A reference to a row that is not there; `key` is how it is shown to those who may see it."""
    assert column.references is not None
    shown = "" if hides(table, caller) else f" {key}"
    return DatabaseError(
        "23503",
        f'insert or update on table "{table.name}" violates foreign key constraint '
        f'"{table.name}_{column.name}_fkey"',
        f'Key{shown} is not present in table "{column.references.table}".',
    )


def _has_children(
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
