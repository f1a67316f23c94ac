"""Writing rows one by one: conflicts, checks, triggers, and what follows a delete."""

from __future__ import annotations

from collections.abc import Callable

from fake_server.database import rights
from fake_server.database.catalog import OWNER, Caller, OnConflict, Row, Table
from fake_server.database.commit_log import Kind, Write
from fake_server.database.constraints import check_row, discreet, require_replica_identity
from fake_server.database.errors import DatabaseError
from fake_server.database.expressions import evaluate
from fake_server.database.foreign_keys import check_children, check_parents, referring
from fake_server.database.heap import Heap
from fake_server.database.messages import MESSAGES, RETENTION_S, inserted_at_s
from fake_server.database.scope import Scope
from fake_server.database.tables import Tables
from fake_server.database.triggers import Trigger, Triggers
from fake_server.database.typed import Typed, typed_row


class Writer:
    """Writes to the tables of one transaction, which ends with `take_written`."""

    def __init__(
        self,
        tables: Tables,
        triggers: Triggers,
        scope: Callable[[Caller, float], Scope],
    ) -> None:
        self._tables = tables
        self._triggers = triggers
        self._scope = scope
        self._written: list[Write] = []
        self._unsettled: list[tuple[Table, Row | None, Row]] = []

    def take_written(self) -> list[Write]:
        """What was written since the last call, in order."""
        written, self._written = self._written, []
        self._unsettled.clear()
        return written

    def insert(
        self,
        table: Table,
        row: Row,
        scope: Scope,
        on_conflict: OnConflict | None,
        touched: set[int],
    ) -> Row | None:
        """One row, or what `on_conflict` makes of it; None where that is nothing. `touched` are the
        ids of the rows that the statement has inserted or updated, to which this one is added."""
        rights.require_write(table, row, "insert", scope)
        heap = self._tables.heap(table.key)
        existing = self._conflicting(heap, row, on_conflict)
        if existing is not None and on_conflict is not None:
            if on_conflict.changes is None:
                return None
            _require_untouched(existing, touched)
            before = heap.get(existing)
            rights.require_conflicting(table, before, scope)
            changed = {**before, **on_conflict.changes(before, row)}
            row_id, updated = self.update(table, existing, changed, scope)
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

    def update(self, table: Table, row_id: int, row: Row, scope: Scope) -> tuple[int, Row]:
        """One row, with the id of its new version."""
        require_replica_identity(table, "update")
        rights.require_write(table, row, "update", scope)
        rights.require_readable(table, [row], scope)
        before = self._tables.heap(table.key).get(row_id)
        with discreet(table, scope.caller):
            check_row(table, row, scope)
            row_id = self._tables.heap(table.key).update(row_id, row)
        self._unsettled.append((table, before, row))
        self._record(table, "UPDATE", row, before, scope.now_s)
        return row_id, row

    def settle(self, caller: Caller) -> None:
        """What a statement wrote has to fit together only when it is done."""
        unsettled, self._unsettled = self._unsettled, []
        for table, before, row in unsettled:
            check_parents(self._tables, table, row, caller)
            if before is not None:
                check_children(self._tables, table, before, row, caller)

    def delete(
        self, table: Table, found: list[tuple[int, Row]], caller: Caller, now_s: float
    ) -> list[Row]:
        """Rows with their ids, and those that their references take with them."""
        if found:
            require_replica_identity(table, "delete")
        for row_id, row in found:
            self._tables.heap(table.key).delete(row_id)
            self._record(table, "DELETE", None, row, now_s)
        for _, row in found:
            self._after_delete(table, row, caller, now_s)
        return [dict(row) for _, row in found]

    def _record(
        self,
        table: Table,
        kind: Kind,
        new: Row | None,
        old: Row | None,
        now_s: float,
    ) -> None:
        """Remember a write for the log, and run the triggers that watch for it."""
        self._written.append(Write(table, kind, new, old))
        for trigger in self._triggers.watching(table.key, kind):
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
        scope = self._scope(OWNER, now_s).within(
            {
                "new": typed_row(table, new or {}),
                "old": typed_row(table, old or {}),
                "trigger": {name: Typed("text", value) for name, value in special.items()},
            }
        )
        for expression in trigger.calls:
            evaluate(expression, scope)

    def _after_delete(self, table: Table, row: Row, caller: Caller, now_s: float) -> None:
        """Follow `ON DELETE` to the rows that referred to a deleted one."""
        for child, column in self._tables.children(table.key):
            parent = column.references
            assert parent is not None
            found = referring(self._tables, child, column, row[parent.column])
            if parent.on_delete == "cascade":
                self.delete(child, found, caller, now_s)
            elif parent.on_delete == "set null":
                for row_id, orphan in found:
                    changed = {**orphan, column.name: None}
                    self.update(child, row_id, changed, self._scope(OWNER, now_s))
        check_children(self._tables, table, row, None, caller)

    def _forget_old_messages(self, table: Table, now_s: float) -> None:
        heap = self._tables.heap(table.key)
        while table.key == MESSAGES and (oldest := heap.first()) is not None:
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
