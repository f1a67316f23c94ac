"""Writing rows: insert, upsert, update and delete, as PostgREST makes statements of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fake_server.database import (
    Caller,
    Database,
    DatabaseError,
    OnConflict,
    Predicate,
    Row,
    Table,
    json_text,
    rights,
)
from fake_server.database.catalog import Command
from fake_server.database.errors import undefined_column
from fake_server.rest.body import Rows
from fake_server.rest.errors import Refused, unknown_column
from fake_server.rest.model import Condition, Query
from fake_server.rest.predicates import all_of, holds, tree_test
from fake_server.rest.preferences import Preferences


@dataclass(frozen=True, slots=True)
class Written:
    """The rows that a statement left behind, or took away, and how many of them are new."""

    rows: list[Row]
    inserted: int = 0


@dataclass(frozen=True, slots=True)
class Writing:
    """One caller's statement on one table; raises `Refused` and `DatabaseError`."""

    database: Database
    caller: Caller
    table: Table
    query: Query
    preferences: Preferences
    now_s: float

    def insert(self, rows: Rows, returning: bool) -> Written:
        """Insert, or upsert where a resolution is preferred."""
        given = [self._columns(row) for row in rows]
        self._check_columns(given)
        resolution = self.preferences.get("resolution")
        keys = self._conflict_keys() if resolution is not None else ()
        merged: list[Row] = []
        on_conflict = None
        self._require("select", returning)
        if keys and resolution == "ignore-duplicates":
            on_conflict = OnConflict(keys)
        elif keys:
            on_conflict = self._merging(keys, given, merged)
        stored = self.database.insert(
            self.table, given, self.caller, self.now_s, on_conflict, returning
        )
        return Written(stored, len(stored) - len(merged))

    def put(self, rows: Rows, returning: bool) -> Written:
        """Upsert the one row that the query names by its primary key."""
        keys = self._put_keys()
        part = self.query.part()
        if part.limit is not None or part.offset:
            message = "limit/offset querystring parameters are not allowed for PUT"
            raise Refused(400, "PGRST114", message)
        row = self._columns(rows[0]) if len(rows) == 1 else {}
        same = all(name in row and _text(row[name]) == text for name, text in keys.items())
        if not same:
            message = "Payload values do not match URL in primary key column(s)"
            raise Refused(400, "PGRST115", message)
        self._check_columns([row])
        self._require("select", returning)
        merged: list[Row] = []
        on_conflict = self._merging(self.table.primary_key, [row], merged)
        stored = self.database.insert(
            self.table, [row], self.caller, self.now_s, on_conflict, returning
        )
        return Written(stored, len(stored) - len(merged))

    def update(self, rows: Rows) -> Written:
        """Change the rows that the filters choose; nothing to set changes nothing."""
        self._require_filter("UPDATE")
        self._require("select")
        where = self._where()
        changes = self._columns(rows[0]) if rows else {}
        self._check_columns([changes])
        if not changes:
            return Written([])
        return Written(self.database.update(self.table, changes, where, self.caller, self.now_s))

    def delete(self) -> Written:
        """Delete the rows that the filters choose."""
        self._require_filter("DELETE")
        self._require("select")
        where = self._where()
        return Written(self.database.delete(self.table, where, self.caller, self.now_s))

    # What a statement is made of.

    def _columns(self, row: dict[str, Any]) -> dict[str, Any]:
        """The columns that are written: those of the body, or those that the query names."""
        if self.query.columns is None:
            return row
        if self.preferences.get("missing") == "default":
            return {name: row[name] for name in self.query.columns if name in row}
        return {name: row.get(name) for name in self.query.columns}

    def _check_columns(self, rows: Sequence[dict[str, Any]]) -> None:
        names = dict.fromkeys(name for row in rows for name in row)
        for name in (*names, *(self.query.columns or ())):
            if self.table.column(name) is None:
                raise unknown_column(self.table.name, name)

    def _conflict_keys(self) -> tuple[str, ...]:
        for name in self.query.on_conflict or ():
            if self.table.column(name) is None:
                raise undefined_column(name)
        return self.query.on_conflict or self.table.primary_key

    def _merging(self, keys: tuple[str, ...], rows: Rows, merged: list[Row]) -> OnConflict:
        """`DO UPDATE SET` every column that is written; `merged` keeps what was updated."""
        self._require("select")
        self._require("update")
        names = dict.fromkeys(name for row in rows for name in row)

        def changes(_: Row, new: Row) -> Row:
            merged.append(new)
            return {name: new[name] for name in names}

        return OnConflict(keys, changes)

    def _put_keys(self) -> dict[str, str]:
        """The values of the primary key that the filters name. Raises `Refused` PGRST105."""
        trees = self.query.part().trees
        equal = [tree for tree in trees if isinstance(tree, Condition) and _is_equal(tree)]
        found = {tree.field.name: tree.value for tree in equal}
        whole = sorted(found) == sorted(self.table.primary_key) and len(equal) == len(trees)
        if not (found and whole and len(found) == len(equal)):
            message = "Filters must include all and only primary key columns with 'eq' operators"
            raise Refused(405, "PGRST105", message)
        return found

    def _require(self, command: Command, needed: bool = True) -> None:
        """Raises `DatabaseError` 42501 without the grant: filters, conflicts and answers read."""
        if needed:
            rights.require(self.table, command, self.caller)

    def _require_filter(self, command: str) -> None:
        if not self.query.part().trees:
            raise DatabaseError("21000", f"{command} requires a WHERE clause")

    def _where(self) -> Predicate:
        trees = self.query.part().trees
        test = all_of([tree_test(self.table, tree, lambda _: None) for tree in trees])
        return lambda row: holds(test, row)


def _is_equal(condition: Condition) -> bool:
    plain = not (condition.negated or condition.quantifier or condition.field.path)
    return condition.operator == "eq" and plain


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)
