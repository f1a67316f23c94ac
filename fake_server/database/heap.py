"""The rows of one table with their unique indexes, and a journal that takes writes back."""

from __future__ import annotations

from collections.abc import Iterator

from fake_server.database.catalog import Row, Table
from fake_server.database.errors import DatabaseError
from fake_server.database.ordering import order_key
from fake_server.database.output import output

Key = tuple[object, ...]


class Heap:
    """Rows in the order in which a sequential scan finds them: an updated row moves to the end.

    Rows are never changed in place. `journal` holds the inverse of each write since it was last
    emptied, newest last.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._rows: dict[int, Row] = {}
        self._indexes: dict[str, dict[Key, int]] = {name: {} for name in table.unique_keys}
        self._next_id = 0
        self._journal: list[tuple[int, Row | None]] = []

    def scan(self) -> Iterator[tuple[int, Row]]:
        """Every row with its id, safe against writes meanwhile."""
        return iter(list(self._rows.items()))

    def find(self, columns: tuple[str, ...], row: Row) -> int | None:
        """The id of the row that agrees on unique columns; None if there is none."""
        for name, key_columns in self.table.unique_keys.items():
            if sorted(key_columns) == sorted(columns):
                key = self._key(key_columns, row)
                return None if key is None else self._indexes[name].get(key)
        raise DatabaseError(
            "42P10",
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        )

    def first(self) -> tuple[int, Row] | None:
        """The oldest row with its id."""
        return next(iter(self._rows.items()), None)

    def get(self, row_id: int) -> Row:
        return self._rows[row_id]

    def insert(self, row: Row) -> int:
        """Append. Raises `DatabaseError` 23505 for a key that is taken."""
        self._check_unique(row, None)
        row_id = self._next_id
        self._next_id += 1
        self._put(row_id, row)
        self._journal.append((row_id, None))
        return row_id

    def update(self, row_id: int, row: Row) -> int:
        """Replace; the new version goes to the end. Raises `DatabaseError` 23505."""
        self._check_unique(row, row_id)
        self.delete(row_id)
        return self.insert(row)

    def delete(self, row_id: int) -> Row:
        row = self._take(row_id)
        self._journal.append((row_id, row))
        return row

    def commit(self) -> None:
        """What was written stays."""
        self._journal.clear()

    def roll_back(self) -> None:
        """Take back everything since the last commit."""
        if not self._journal:
            return
        while self._journal:
            row_id, before = self._journal.pop()
            if before is None:
                self._take(row_id)
            else:
                self._put(row_id, before)
        self._rows = dict(sorted(self._rows.items()))

    def _put(self, row_id: int, row: Row) -> None:
        self._rows[row_id] = row
        for name, columns in self.table.unique_keys.items():
            key = self._key(columns, row)
            if key is not None:
                self._indexes[name][key] = row_id

    def _take(self, row_id: int) -> Row:
        row = self._rows.pop(row_id)
        for name, columns in self.table.unique_keys.items():
            key = self._key(columns, row)
            if key is not None:
                del self._indexes[name][key]
        return row

    def _check_unique(self, row: Row, own_id: int | None) -> None:
        for name, columns in self.table.unique_keys.items():
            key = self._key(columns, row)
            if key is not None and self._indexes[name].get(key, own_id) != own_id:
                raise DatabaseError(
                    "23505",
                    f'duplicate key value violates unique constraint "{name}"',
                    f"Key {self.describe(columns, row)} already exists.",
                )

    def describe(self, columns: tuple[str, ...], row: Row) -> str:
        """A key as error details show it: `(id)=(1)`."""
        values = ", ".join(output(self._type(name), row[name]) for name in columns)
        return f"({', '.join(columns)})=({values})"

    def _key(self, columns: tuple[str, ...], row: Row) -> Key | None:
        """What an index holds; None where a null keeps the row out of it."""
        values = [row[name] for name in columns]
        if any(value is None for value in values):
            return None
        pairs = zip(columns, values, strict=True)
        return tuple(_hashable(order_key(self._type(name), value)) for name, value in pairs)

    def _type(self, name: str) -> str:
        column = self.table.column(name)
        return column.type if column else "text"


def _hashable(key: object) -> object:
    return tuple(map(_hashable, key)) if isinstance(key, list | tuple) else key
