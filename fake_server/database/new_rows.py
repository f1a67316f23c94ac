"""Rows of what was given: JSON values read, and what was left out filled in."""

from __future__ import annotations

from collections.abc import Mapping

from fake_server.database.catalog import Column, Row, Table
from fake_server.database.errors import undefined_column
from fake_server.database.expressions import evaluate
from fake_server.database.scope import Scope
from fake_server.database.sql import parse_expression
from fake_server.database.typed import assign
from fake_server.database.types import Value, from_json


def read_row(table: Table, values: Mapping[str, object]) -> Row:
    """JSON values as they are stored. Raises `DatabaseError` for a value that does not fit, and
    42703 for a column that does not exist."""
    row: Row = {}
    for name, value in values.items():
        column = table.column(name)
        if column is None:
            raise undefined_column(name, table.name)
        row[name] = from_json(column.type, value, column.modifier)
    return row


class Defaults:
    """What columns hold that were not given: the next number, what their default says, or null."""

    def __init__(self) -> None:
        self._sequences: dict[tuple[str, str, str], int] = {}

    def restart(self, table: Table) -> None:
        """Count the identities of a table from 1 again."""
        for column in table.columns:
            self._sequences.pop((*table.key, column.name), None)

    def complete(self, table: Table, given: Row, scope: Scope) -> Row:
        """A full row in column order. Raises `DatabaseError` 42703 for a column that does not
        exist."""
        for name in given:
            if table.column(name) is None:
                raise undefined_column(name, table.name)
        return {
            column.name: given[column.name]
            if column.name in given
            else self._default(table, column, scope)
            for column in table.columns
        }

    def _default(self, table: Table, column: Column, scope: Scope) -> Value:
        if column.identity:
            key = (*table.key, column.name)
            self._sequences[key] = self._sequences.get(key, 0) + 1
            return self._sequences[key]
        if column.default is None:
            return None
        value = evaluate(parse_expression(column.default), scope)
        return assign(value, column.name, column.type, column.modifier)
