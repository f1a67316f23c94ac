"""Who may do what: grants on tables, and row policies evaluated for one caller and one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fake_server.database.catalog import Caller, Command, Policy, Row, Table
from fake_server.database.errors import DatabaseError
from fake_server.database.expressions import is_true
from fake_server.database.scope import Scope
from fake_server.database.sql import parse_expression
from fake_server.database.typed import typed_row


def granted(table: Table, command: Command, caller: Caller) -> bool:
    """Whether the caller's role may use this command on the table at all."""
    return caller.owns_everything or command in table.grants.get(caller.role, ())


def readable(table: Table, caller: Caller) -> frozenset[str]:
    """The columns that the caller's role may read."""
    if granted(table, "select", caller):
        return frozenset(column.name for column in table.columns)
    return frozenset(table.readable_columns.get(caller.role, ()))


def require(table: Table, command: Command, caller: Caller) -> None:
    """Raises `DatabaseError` 42501 without the grant."""
    if not granted(table, command, caller):
        raise DatabaseError("42501", f"permission denied for table {table.name}")


def sees(table: Table, row: Row, command: Command, scope: Scope) -> bool:
    """Whether a stored row exists for this caller and command (`USING`)."""
    return _passes(table, row, command, scope, lambda policy: policy.using)


def may_write(table: Table, row: Row, command: Command, scope: Scope) -> bool:
    """Whether the caller may leave this row behind (`WITH CHECK`, or else `USING`)."""
    return _passes(table, row, command, scope, lambda policy: policy.check or policy.using)


def require_write(table: Table, row: Row, command: Command, scope: Scope) -> None:
    """Raises `DatabaseError` 42501 for a row that the policies refuse."""
    allowed = may_write if command in ("insert", "update") else sees
    if not allowed(table, row, command, scope):
        raise DatabaseError(
            "42501", f'new row violates row-level security policy for table "{table.name}"'
        )


def require_readable(table: Table, rows: Iterable[Row], scope: Scope) -> None:
    """Raises `DatabaseError` 42501 for written rows that the caller could not read back."""
    for row in rows:
        require_write(table, row, "select", scope)


def require_conflicting(table: Table, row: Row, scope: Scope) -> None:
    """Raises `DatabaseError` 42501 for a row that `ON CONFLICT` may not update."""
    if not sees(table, row, "update", scope):
        raise DatabaseError(
            "42501",
            "new row violates row-level security policy (USING expression) for table "
            f'"{table.name}"',
        )


def _passes(
    table: Table,
    row: Row,
    command: Command,
    scope: Scope,
    clause: Callable[[Policy], str | None],
) -> bool:
    if not table.rls or scope.caller.bypasses_rls:
        return True
    inner = scope.within({table.name: typed_row(table, row)})
    return any(
        _holds(clause(policy), inner)
        for policy in table.policies
        if policy.applies(command, scope.caller.role)
    )


def _holds(condition: str | None, scope: Scope) -> bool:
    return condition is None or is_true(parse_expression(condition), scope)
