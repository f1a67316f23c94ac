"""Stored rows as others show them: Realtime's reading of the log, and PostgREST's JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fake_server.database.catalog import Change, Row, Table
from fake_server.database.expressions import Typed, json_value
from fake_server.database.types import Value


def log_record(table: Table, row: Row, names: Iterable[str] | None = None) -> dict[str, Any]:
    """A row (or these columns of it) as a `record` of Postgres Changes (`protocol.md §3.1`).

    `types.json_text` prints it byte for byte as recorded.
    """
    wanted = row if names is None else dict.fromkeys(names)
    return {
        column.name: log_value(column.type, row[column.name])
        for column in table.columns
        if column.name in wanted and column.name in row
    }


def log_value(type_name: str, value: Value) -> Any:
    """A value as wal2json and Realtime leave it: `bytea` without its `\\x`."""
    if type_name == "bytea" and value is not None:
        return value.removeprefix("\\x")
    if type_name == "_bytea" and value is not None:
        return [log_value("bytea", item) for item in value]
    return value


def rest_record(table: Table, row: Row) -> dict[str, Any]:
    """A row as PostgREST answers it: NaN and the infinities as text."""
    return {
        column.name: json_value(Typed(column.type, row[column.name]))
        for column in table.columns
        if column.name in row
    }


def identity(table: Table) -> tuple[str, ...]:
    """The columns that the log keeps of an old row; under row level security the primary key only
    (`protocol.md §3.1`)."""
    if table.replica_identity == "full" and not table.rls:
        return tuple(column.name for column in table.columns)
    return table.primary_key


def old_record(change: Change) -> dict[str, Any] | None:
    """The `old_record` of a change; None where the log has none."""
    if change.old is None:
        return None
    return log_record(change.table, change.old, identity(change.table))
