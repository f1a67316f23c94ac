"""Tables in memory with constraints, row policies and triggers, and the log of what was written."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from fake_server.database import rights, types
from fake_server.database.catalog import (
    OWNER,
    Caller,
    Change,
    Column,
    Command,
    OnConflict,
    Predicate,
    Row,
    Schema,
    StoredMessage,
    Table,
)
from fake_server.database.constraints import check_row, discreet, has_children, no_parent
from fake_server.database.errors import DatabaseError, undefined_column, undefined_table
from fake_server.database.expressions import evaluate
from fake_server.database.heap import Heap
from fake_server.database.messages import (
    RETENTION_S,
    inserted_at_s,
    messages_table,
    newest,
    stored_message,
)
from fake_server.database.scope import Scope
from fake_server.database.sql import parse_expression
from fake_server.database.triggers import Trigger, Triggers
from fake_server.database.typed import Typed, assign, typed_row

_LOG_ROWS_MAX = 100_000
_IN_WORDS = {"update": ("update", "updating"), "delete": ("delete from", "deleting from")}


Written = tuple[Table, Literal["INSERT", "UPDATE", "DELETE"], Row | None, Row | None]


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
        self.messages_table = messages_table(schema.message_policies)
        self.log_rows_lost = 0
        self.on_commit: Callable[[], None] = _nothing
        """Called after every commit."""
        self._log_rows_max = log_rows_max
        self.rng = rng
        self.triggers = Triggers()
        self._heaps = {table.key: Heap(table) for table in (*schema.tables, self.messages_table)}
        self._sequences: dict[tuple[str, str, str], int] = {}
        self._changes: deque[Change] = deque()
        self._messages: deque[StoredMessage] = deque()
        self._written: list[Written] = []
        self._altered: dict[tuple[str, str], Table] = {}
        self._unsettled: list[tuple[Table, Row | None, Row]] = []
        self._depth = 0
        self._children = self._foreign_keys()
        for table, row in schema.rows:
            self.insert(table, [row], OWNER, now_s)
        self._changes.clear()
        self.publication = self._published()
        """Schema and name of the tables whose changes Realtime reads, in order."""
        self.publication_changed_s = now_s
        """When that changed last, in seconds since the epoch."""

    # What there is.

    @property
    def tables(self) -> list[Table]:
        """The project's tables, and `realtime.messages`."""
        return [heap.table for heap in self._heaps.values()]

    def table(self, schema: str, name: str) -> Table | None:
        """The table of this name, if there is one."""
        heap = self._heaps.get((schema, name))
        return heap.table if heap else None

    def find_table(self, key: tuple[str, str]) -> Table:
        """The table of this schema and name. Raises `DatabaseError` 42P01."""
        table = self.table(*key)
        if table is None:
            raise undefined_table(key[1] if key[0] == "public" else ".".join(key))
        return table

    def alter(self, table: Table) -> None:
        """A table with the columns and keys of the one of this name takes its place, as long as
        the transaction is not rolled back."""
        self._altered.setdefault(table.key, self._heaps[table.key].table)
        self._define(table)

    def _define(self, table: Table) -> None:
        self._heaps[table.key].table = table
        if table.key == self.messages_table.key:
            self.messages_table = table
        self._children = self._foreign_keys()

    @abstractmethod
    def scope(self, caller: Caller, now_s: float) -> Scope:
        """What an expression of this caller can see and call."""

    # Reading.

    def select(self, table: Table, caller: Caller, where: Predicate | None = None) -> list[Row]:
        """The rows that the caller may see, in the order of a sequential scan."""
        return [dict(row) for _, row in self._found(table, "select", caller, where, 0.0)]

    def visible(self, table: Table, row: Row, caller: Caller) -> bool:
        """Whether the caller would find the row with this primary key, as it is now, by the row
        policies. Raises `DatabaseError` for a policy that raises."""
        if not table.rls or caller.bypasses_rls:
            return True
        heap = self._heaps[table.key]
        row_id = heap.find(table.primary_key, row)
        if row_id is None:
            return False
        return rights.sees(table, heap.get(row_id), "select", self.scope(caller, 0.0))

    def may_use_topic(
        self, command: Literal["select", "insert"], topic: str, extension: str, caller: Caller
    ) -> bool:
        """Whether the policies of `realtime.messages` let the caller read (`select`) or write
        (`insert`) a private channel; a policy that raises denies (`protocol.md §6.2`)."""
        caller = Caller(caller.role, caller.claims, topic)
        row: Row = {column.name: None for column in self.messages_table.columns}
        row |= {"topic": topic, "extension": extension, "private": True}
        allowed = rights.sees if command == "select" else rights.may_write
        try:
            return allowed(self.messages_table, row, command, self.scope(caller, 0.0))
        except DatabaseError:
            return False

    def messages(
        self, topic: str, since_s: float, limit: int, now_s: float | None = None
    ) -> list[StoredMessage]:
        """What a replay of a private channel brings: the newest `limit`, oldest first."""
        rows = (row for _, row in self._heaps[self.messages_table.key].scan())
        return newest(rows, topic, since_s, limit, now_s)

    @property
    def changes_since_s(self) -> float | None:
        """When the first change was committed that waits to be taken; None while none does."""
        return self._changes[0].at_s if self._changes else None

    @property
    def has_messages(self) -> bool:
        """Whether messages wait to be taken."""
        return bool(self._messages)

    def take_changes(self) -> list[Change]:
        """The changes of published tables committed since the last call, in order."""
        taken = list(self._changes)
        self._changes.clear()
        return taken

    def take_messages(self) -> list[StoredMessage]:
        """The messages stored since the last call, in order."""
        taken = list(self._messages)
        self._messages.clear()
        return taken

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
        stored = [self._from_json(table, row) for row in rows]
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
        values = self._from_json(table, changes)
        return self.update_stored(table, lambda _: values, where, caller, now_s)

    def delete(
        self, table: Table, where: Predicate | None, caller: Caller, now_s: float
    ) -> list[Row]:
        """Delete the rows that fit and that the caller may delete; returns them."""
        with self.transaction(now_s):
            found = self._found(table, "delete", caller, where, now_s)
            return self._delete_rows(table, list(found), caller, now_s)

    def truncate(self, table: Table, now_s: float, restart_identity: bool = False) -> None:
        """Empty a table; Realtime sees nothing of it."""
        with self.transaction(now_s):
            for row_id, _ in self._heaps[table.key].scan():
                self._heaps[table.key].delete(row_id)
            for column in table.columns if restart_identity else ():
                self._sequences.pop((*table.key, column.name), None)

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
                self._insert_row(
                    table, self._complete(table, row, scope), scope, on_conflict, touched
                )
                for row in rows
            ]
            inserted = [row for row in results if row is not None]
            self._settle(scope.caller)
            if returning:
                self._require_readable(table, inserted, scope)
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
                self._update_row(table, row_id, {**row, **changes(row)}, scope)[1]
                for row_id, row in found
            ]
            self._settle(caller)
            return [dict(row) for row in updated]

    @contextmanager
    def transaction(self, now_s: float) -> Iterator[None]:
        """All or nothing; the outermost one commits."""
        self._depth += 1
        try:
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
        for heap in self._heaps.values():
            heap.commit()
        if self._altered:
            self._altered.clear()
            self._note_publication(now_s)
        written, self._written = self._written, []
        for table, kind, new, old in written:
            if table.published:
                self._log(self._changes, Change(table, kind, new, old, now_s))
            if table.key == self.messages_table.key and kind == "INSERT" and new is not None:
                self._log(self._messages, stored_message(new))
        self.on_commit()

    def roll_back(self) -> None:
        """What was written since the last commit is taken back."""
        for heap in self._heaps.values():
            heap.roll_back()
        for table in self._altered.values():
            self._define(table)
        self._altered.clear()
        self._unsettled.clear()
        self._written.clear()

    def _published(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(table.key for table in self.tables if table.published))

    def _note_publication(self, now_s: float) -> None:
        published = self._published()
        if published != self.publication:
            self.publication, self.publication_changed_s = published, now_s

    def _log(self, log: deque[Change] | deque[StoredMessage], entry: object) -> None:
        if len(log) >= self._log_rows_max:
            log.popleft()
            self.log_rows_lost += 1
        log.append(entry)  # type: ignore[arg-type]

    # One row.

    def _insert_row(
        self,
        table: Table,
        row: Row,
        scope: Scope,
        on_conflict: OnConflict | None,
        touched: set[int],
    ) -> Row | None:
        """`touched` are the rows that the statement has inserted or updated."""
        rights.require_write(table, row, "insert", scope)
        heap = self._heaps[table.key]
        existing = self._conflicting(heap, row, on_conflict)
        if existing is not None and on_conflict is not None:
            if on_conflict.changes is None:
                return None
            _require_untouched(existing, touched)
            before = heap.get(existing)
            rights.require_conflicting(table, before, scope)
            changed = {**before, **on_conflict.changes(before, row)}
            row_id, updated = self._update_row(table, existing, changed, scope)
            touched.add(row_id)
            return updated
        with discreet(table, scope.caller):
            check_row(table, row, scope)
            touched.add(heap.insert(row))
        self._unsettled.append((table, None, row))
        self._record(table, "INSERT", row, None, scope.now_s)
        self._forget_old_messages(table, scope.now_s)
        return row

    def _conflicting(self, heap: Heap, row: Row, on_conflict: OnConflict | None) -> int | None:
        if on_conflict is None:
            return None
        keys = [on_conflict.columns] if on_conflict.columns else heap.table.unique_keys.values()
        return next((found for key in keys if (found := heap.find(key, row)) is not None), None)

    def _update_row(self, table: Table, row_id: int, row: Row, scope: Scope) -> tuple[int, Row]:
        self._require_replica_identity(table, "update")
        rights.require_write(table, row, "update", scope)
        self._require_readable(table, [row], scope)
        before = self._heaps[table.key].get(row_id)
        with discreet(table, scope.caller):
            check_row(table, row, scope)
            row_id = self._heaps[table.key].update(row_id, row)
        self._unsettled.append((table, before, row))
        self._record(table, "UPDATE", row, before, scope.now_s)
        return row_id, row

    def _settle(self, caller: Caller) -> None:
        """What a statement wrote has to fit together only when it is done."""
        unsettled, self._unsettled = self._unsettled, []
        for table, before, row in unsettled:
            self._check_references(table, row, caller)
            if before is not None:
                self._check_children(table, before, row, caller)

    def _delete_rows(
        self, table: Table, found: list[tuple[int, Row]], caller: Caller, now_s: float
    ) -> list[Row]:
        if found:
            self._require_replica_identity(table, "delete")
        for row_id, row in found:
            self._heaps[table.key].delete(row_id)
            self._record(table, "DELETE", None, row, now_s)
        for _, row in found:
            self._after_delete(table, row, caller, now_s)
        return [dict(row) for _, row in found]

    def _record(
        self,
        table: Table,
        kind: Literal["INSERT", "UPDATE", "DELETE"],
        new: Row | None,
        old: Row | None,
        now_s: float,
    ) -> None:
        """Remember a write for the log, and run the triggers that watch for it."""
        self._written.append((table, kind, new, old))
        for trigger in self.triggers.watching(table.key, kind):
            self._fire(trigger, table, kind, new, old, now_s)

    def _fire(
        self,
        trigger: Trigger,
        table: Table,
        kind: str,
        new: Row | None,
        old: Row | None,
        now_s: float,
    ) -> None:
        special = {"tg_op": kind, "tg_table_name": table.name, "tg_table_schema": table.schema}
        scope = self.scope(OWNER, now_s).within(
            {
                "new": typed_row(table, new or {}),
                "old": typed_row(table, old or {}),
                "trigger": {name: Typed("text", value) for name, value in special.items()},
            }
        )
        for expression in trigger.calls:
            evaluate(expression, scope)

    def _complete(self, table: Table, given: Row, scope: Scope) -> Row:
        """A full row in column order, defaults filled in. Raises for columns that do not exist."""
        for name in given:
            if table.column(name) is None:
                raise undefined_column(name, table.name)
        return {
            column.name: given[column.name]
            if column.name in given
            else self._default(table, column, scope)
            for column in table.columns
        }

    def _default(self, table: Table, column: Column, scope: Scope) -> types.Value:
        if column.identity:
            key = (*table.key, column.name)
            self._sequences[key] = self._sequences.get(key, 0) + 1
            return self._sequences[key]
        if column.default is None:
            return None
        value = evaluate(parse_expression(column.default), scope)
        return assign(value, column.name, column.type, column.modifier)

    def _from_json(self, table: Table, values: Mapping[str, object]) -> Row:
        row: Row = {}
        for name, value in values.items():
            column = table.column(name)
            if column is None:
                raise undefined_column(name, table.name)
            row[name] = types.from_json(column.type, value, column.modifier)
        return row

    # The rules.

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
        for row_id, row in self._heaps[table.key].scan():
            seen = rights.sees(table, row, "select", scope)
            if seen and command != "select":
                seen = rights.sees(table, row, command, scope)
            if seen and (where is None or where(row)):
                yield row_id, row

    def _require_readable(self, table: Table, rows: list[Row], scope: Scope) -> None:
        for row in rows:
            rights.require_write(table, row, "select", scope)

    def _require_replica_identity(self, table: Table, command: Literal["update", "delete"]) -> None:
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

    def _check_references(self, table: Table, row: Row, caller: Caller) -> None:
        for column in table.columns:
            parent = column.references
            if parent is None or row[column.name] is None:
                continue
            heap = self._heaps[parent.schema, parent.table]
            if heap.find((parent.column,), {parent.column: row[column.name]}) is None:
                key = self._heaps[table.key].describe((column.name,), row)
                raise no_parent(table, column, key, caller)

    def _foreign_keys(self) -> dict[tuple[str, str], list[tuple[Table, Column]]]:
        """Table → the columns of others that refer to it."""
        children: dict[tuple[str, str], list[tuple[Table, Column]]] = {}
        for heap in self._heaps.values():
            for column in heap.table.columns:
                parent = column.references
                if parent is not None:
                    entry = (heap.table, column)
                    children.setdefault((parent.schema, parent.table), []).append(entry)
        return children

    def _check_children(self, table: Table, before: Row, after: Row | None, caller: Caller) -> None:
        for child, column in self._children.get(table.key, ()):
            parent = column.references
            assert parent is not None
            gone = after is None or after[parent.column] != before[parent.column]
            if gone and self._referring(child, column, before[parent.column]):
                key = self._heaps[table.key].describe((parent.column,), before)
                raise has_children(table, child, column, key, caller)

    def _after_delete(self, table: Table, row: Row, caller: Caller, now_s: float) -> None:
        """Follow `ON DELETE` to the rows that referred to a deleted one."""
        for child, column in self._children.get(table.key, ()):
            parent = column.references
            assert parent is not None
            found = self._referring(child, column, row[parent.column])
            if parent.on_delete == "cascade":
                self._delete_rows(child, found, caller, now_s)
            elif parent.on_delete == "set null":
                for row_id, orphan in found:
                    changed = {**orphan, column.name: None}
                    self._update_row(child, row_id, changed, self.scope(OWNER, now_s))
        self._check_children(table, row, None, caller)

    def _referring(self, child: Table, column: Column, value: object) -> list[tuple[int, Row]]:
        rows = self._heaps[child.key].scan()
        return [(row_id, row) for row_id, row in rows if row[column.name] == value]

    def _forget_old_messages(self, table: Table, now_s: float) -> None:
        heap = self._heaps[table.key]
        while table.key == self.messages_table.key and (oldest := heap.first()) is not None:
            if inserted_at_s(oldest[1]) >= now_s - RETENTION_S:
                return
            heap.delete(oldest[0])


def _require_untouched(row_id: int, touched: set[int]) -> None:
    if row_id in touched:
        raise DatabaseError(
            "21000",
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
            hint="Ensure that no rows proposed for insertion within the same command have "
            "duplicate constrained values.",
        )
