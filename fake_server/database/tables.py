"""The tables of one project with their rows: found by name, altered, and taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fake_server.database.catalog import Column, Table
from fake_server.database.heap import Heap

Key = tuple[str, str]
"""Schema and name."""


class Tables:
    """Heaps by the names of their tables, in order.

    What was altered or written since the last commit can be taken back.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._heaps = {table.key: Heap(table) for table in tables}
        self._before: dict[Key, Table] = {}
        self._children = self._foreign_keys()

    def __iter__(self) -> Iterator[Table]:
        return iter([heap.table for heap in self._heaps.values()])

    def get(self, key: Key) -> Table | None:
        """The table of this name, if there is one."""
        heap = self._heaps.get(key)
        return heap.table if heap else None

    def heap(self, key: Key) -> Heap:
        """The rows of a table that is there."""
        return self._heaps[key]

    def children(self, parent: Key) -> Sequence[tuple[Table, Column]]:
        """The columns of other tables that refer to this one."""
        return self._children.get(parent, ())

    def alter(self, table: Table) -> None:
        """A table with the columns and keys of the one of this name takes its place."""
        self._before.setdefault(table.key, self._heaps[table.key].table)
        self._define(table)

    def commit(self) -> bool:
        """What was written stays. Whether a table was altered."""
        for heap in self._heaps.values():
            heap.commit()
        altered = bool(self._before)
        self._before.clear()
        return altered

    def roll_back(self) -> None:
        """Everything is as it was at the last commit."""
        for heap in self._heaps.values():
            heap.roll_back()
        for table in self._before.values():
            self._define(table)
        self._before.clear()

    def _define(self, table: Table) -> None:
        self._heaps[table.key].table = table
        self._children = self._foreign_keys()

    def _foreign_keys(self) -> dict[Key, list[tuple[Table, Column]]]:
        children: dict[Key, list[tuple[Table, Column]]] = {}
        for table in self:
            for column in table.columns:
                parent = column.references
                if parent is not None:
                    children.setdefault((parent.schema, parent.table), []).append((table, column))
        return children
