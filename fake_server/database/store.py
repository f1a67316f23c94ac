"""The tables of one project: read and written with its rules, in transactions."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from fake_server.database import rights
from fake_server.database.catalog import (
    OWNER,
    Caller,
    Change,
    Command,
    OnConflict,
    Predicate,
    Row,
    Schema,
    StoredMessage,
    Table,
)
from fake_server.database.commit_log import CommitLog
from fake_server.database.errors import DatabaseError, undefined_table
from fake_server.database.messages import MESSAGES, messages_table, newest
from fake_server.database.new_rows import Defaults, read_row
from fake_server.database.scope import Scope
from fake_server.database.tables import Tables
from fake_server.database.transaction_time import began_s, beginning
from fake_server.database.triggers import Triggers
from fake_server.database.writes import Writer

_LOG_ROWS_MAX = 100_000


def _nothing() -> None:
    """Nobody waits for commits."""


class Store(ABC):
    """Tables, rows and rules of one project.

    Every write takes `now_s`, in seconds since the epoch, and is one transaction: it happens as a
    whole or raises `DatabaseError` and leaves everything as it was. `rng` feeds
    `gen_random_uuid()`. What Realtime reads of committed writes waits for `take_changes` and
    `take_messages`: at most `log_rows_max` of each, then the oldest go, and `log_rows_lost` counts
    them.
    """

    def __init__(
        self,
        schema: Schema,
        rng: random.Random,
        now_s: float = 0.0,
        log_rows_max: int = _LOG_ROWS_MAX,
    ) -> None:
        self.schema = schema
        self.on_commit: Callable[[], None] = _nothing
        """Called after every commit."""
        self.rng = rng
        self.triggers = Triggers()
        self._tables = Tables((*schema.tables, messages_table(schema.message_policies)))
        self._log = CommitLog(log_rows_max)
        self._defaults = Defaults()
        self._writer = Writer(self._tables, self.triggers, self.scope)
        self._depth = 0
        for table, row in schema.rows:
            self.insert(table, [row], OWNER, now_s)
        self.take_changes()
        self.publication = self._published()
        """Schema and name of the tables whose changes Realtime reads, in order."""
        self.publication_changed_s = now_s
        """When that changed last, in seconds since the epoch."""

    # What there is.

    @property
    def tables(self) -> list[Table]:
        """The project's tables, and `realtime.messages`."""
        return list(self._tables)

    @property
    def messages_table(self) -> Table:
        """`realtime.messages`."""
        return self.find_table(MESSAGES)

    def table(self, schema: str, name: str) -> Table | None:
        """The table of this name, if there is one."""
        return self._tables.get((schema, name))

    def find_table(self, key: tuple[str, str]) -> Table:
        """The table of this schema and name. Raises `DatabaseError` 42P01."""
        table = self.table(*key)
        if table is None:
            raise undefined_table(key[1] if key[0] == "public" else ".".join(key))
        return table

    def alter(self, table: Table) -> None:
        """A table with the columns and keys of the one of this name takes its place, as long as
        the transaction is not rolled back."""
        self._tables.alter(table)

    @abstractmethod
    def scope(self, caller: Caller, now_s: float) -> Scope:
        """What an expression of this caller can see and call."""

    # Reading.

    def select(self, table: Table, caller: Caller, where: Predicate | None = None) -> list[Row]:
        """The rows that the caller may see, in the order of a sequential scan."""
        return [dict(row) for _, row in self._found(table, "select", caller, where, began_s())]

    def visible(self, table: Table, row: Row, caller: Caller) -> bool:
        """Whether the caller would find the row with this primary key, as it is now, by the row
        policies. Raises `DatabaseError` for a policy that raises."""
        if not table.rls or caller.bypasses_rls:
            return True
        heap = self._tables.heap(table.key)
        row_id = heap.find(table.primary_key, row)
        if row_id is None:
            return False
        return rights.sees(table, heap.get(row_id), "select", self.scope(caller, began_s()))

    def may_use_topic(
        self, command: Literal["select", "insert"], topic: str, extension: str, caller: Caller
    ) -> bool:
        """Whether the policies of `realtime.messages` let the caller read (`select`) or write
        (`insert`) a private channel; a policy that raises denies (`protocol.md §6.2`)."""
        caller = Caller(caller.role, caller.claims, topic)
        table = self.messages_table
        row: Row = {column.name: None for column in table.columns}
        row |= {"topic": topic, "extension": extension, "private": True}
        allowed = rights.sees if command == "select" else rights.may_write
        try:
            return allowed(table, row, command, self.scope(caller, began_s()))
        except DatabaseError:
            return False

    def messages(
        self, topic: str, since_s: float, limit: int, now_s: float | None = None
    ) -> list[StoredMessage]:
        """What a replay of a private channel brings: the newest `limit`, oldest first."""
        rows = (row for _, row in self._tables.heap(MESSAGES).scan())
        return newest(rows, topic, since_s, limit, now_s)

    @property
    def changes_since_s(self) -> float | None:
        """When the first change was committed that waits to be taken; None while none does."""
        return self._log.changes_since_s

    @property
    def has_messages(self) -> bool:
        """Whether messages wait to be taken."""
        return self._log.has_messages

    def take_changes(self) -> list[Change]:
        """The changes of published tables committed since the last call, in order."""
        return self._log.take_changes()

    def take_messages(self) -> list[StoredMessage]:
        """The messages stored since the last call, in order."""
        return self._log.take_messages()

    @property
    def log_rows_lost(self) -> int:
        """How many of them went because nobody took them in time."""
        return self._log.rows_lost

    # Writing.

    def insert(
        self,
        table: Table,
        rows: Sequence[Mapping[str, object]],
        caller: Caller,
        now_s: float,
        on_conflict: OnConflict | None = None,
        returning: bool = True,
    ) -> list[Row]:
        """Insert rows of JSON values; missing columns get their defaults. Returns what is stored.

        `returning` says that the caller wants to read the rows, which the policies must allow too.
        """
        with self.transaction(now_s):
            stored = [read_row(table, row) for row in rows]
            return self.insert_stored(table, stored, caller, now_s, on_conflict, returning)

    def update(
        self,
        table: Table,
        changes: Mapping[str, object],
        where: Predicate | None,
        caller: Caller,
        now_s: float,
    ) -> list[Row]:
        """Set columns to JSON values in all rows that fit and that the caller may update."""
        with self.transaction(now_s):
            values = read_row(table, changes)
            return self.update_stored(table, lambda _: values, where, caller, now_s)

    def delete(
        self, table: Table, where: Predicate | None, caller: Caller, now_s: float
    ) -> list[Row]:
        """Delete the rows that fit and that the caller may delete; returns them."""
        with self.transaction(now_s):
            found = self._found(table, "delete", caller, where, now_s)
            return self._writer.delete(table, list(found), caller, now_s)

    def truncate(self, table: Table, now_s: float, restart_identity: bool = False) -> None:
        """Empty a table; Realtime sees nothing of it."""
        with self.transaction(now_s):
            heap = self._tables.heap(table.key)
            for row_id, _ in heap.scan():
                heap.delete(row_id)
            if restart_identity:
                self._defaults.restart(table)

    def insert_stored(
        self,
        table: Table,
        rows: Iterable[Row],
        caller: Caller,
        now_s: float,
        on_conflict: OnConflict | None = None,
        returning: bool = True,
    ) -> list[Row]:
        """The same with stored values."""
        rights.require(table, "insert", caller)
        scope = self.scope(caller, now_s)
        with self.transaction(now_s):
            touched: set[int] = set()
            results = [
                self._writer.insert(
                    table, self._defaults.complete(table, row, scope), scope, on_conflict, touched
                )
                for row in rows
            ]
            inserted = [row for row in results if row is not None]
            self._writer.settle(scope.caller)
            if returning:
                rights.require_readable(table, inserted, scope)
            return [dict(row) for row in inserted]

    def update_stored(
        self,
        table: Table,
        changes: Callable[[Row], Row],
        where: Predicate | None,
        caller: Caller,
        now_s: float,
    ) -> list[Row]:
        """The same with stored values, computed from each row."""
        scope = self.scope(caller, now_s)
        with self.transaction(now_s):
            found = list(self._found(table, "update", caller, where, now_s))
            updated = [
                self._writer.update(table, row_id, {**row, **changes(row)}, scope)[1]
                for row_id, row in found
            ]
            self._writer.settle(caller)
            return [dict(row) for row in updated]

    @contextmanager
    def transaction(self, now_s: float) -> Iterator[None]:
        """All or nothing; the outermost one commits."""
        self._depth += 1
        try:
            with beginning(now_s):
                yield
            if self._depth == 1:
                self.commit(now_s)
        except BaseException:
            if self._depth == 1:
                self.roll_back()
            raise
        finally:
            self._depth -= 1

    def commit(self, now_s: float) -> None:
        """What was written since the last commit becomes visible to Realtime."""
        if self._tables.commit():
            self._note_publication(now_s)
        self._log.commit(self._writer.take_written(), now_s)
        self.on_commit()

    def roll_back(self) -> None:
        """What was written since the last commit is taken back."""
        self._tables.roll_back()
        self._writer.take_written()

    def _published(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(table.key for table in self._tables if table.published))

    def _note_publication(self, now_s: float) -> None:
        published = self._published()
        if published != self.publication:
            self.publication, self.publication_changed_s = published, now_s

    def _found(
        self,
        table: Table,
        command: Command,
        caller: Caller,
        where: Predicate | None,
        now_s: float,
    ) -> Iterator[tuple[int, Row]]:
        """The rows that a statement of this caller is about, as they are when it begins."""
        rights.require(table, command, caller)
        scope = self.scope(caller, now_s)
        for row_id, row in self._tables.heap(table.key).scan():
            seen = rights.sees(table, row, "select", scope)
            if seen and command != "select":
                seen = rights.sees(table, row, command, scope)
            if seen and (where is None or where(row)):
                yield row_id, row
