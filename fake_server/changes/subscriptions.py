"""What a binding subscribes to, and the real server's words for one that cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fake_server.changes import conditions
from fake_server.changes.filters import BadFilter, Filter, parse_filters
from fake_server.database import Caller, DatabaseError, Table, rights
from fake_server.database.catalog import ROLES
from fake_server.database.like import like
from fake_server.elixir import inspect, inspect_lines

_EVENTS = ("INSERT", "UPDATE", "DELETE")
_SECRETS = frozenset(("user_token", "auth_token"))
_UNABLE = "Unable to subscribe to changes with given parameters. "
_CONDITION_NAMES = {
    "P0001": "raise_exception",
    "22001": "string_data_right_truncation",
    "22003": "numeric_value_out_of_range",
    "22007": "invalid_datetime_format",
    "22008": "datetime_field_overflow",
    "2201B": "invalid_regular_expression",
    "22009": "invalid_time_zone_displacement_value",
    "22015": "interval_field_overflow",
    "22021": "character_not_in_repertoire",
    "22023": "invalid_parameter_value",
    "22P05": "untranslatable_character",
    "54000": "program_limit_exceeded",
    "54001": "statement_too_complex",
    "22P02": "invalid_text_representation",
    "42704": "undefined_object",
    "42804": "datatype_mismatch",
    "42883": "undefined_function",
}


class BadSubscription(Exception):
    """A binding that cannot be subscribed to, in the words of the real server (§3.4)."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One binding, understood."""

    id: int
    event: str
    schema: str
    table: str
    filters: tuple[Filter, ...] = ()
    select: tuple[str, ...] | None = None
    """The columns as they were given."""

    @property
    def selected(self) -> tuple[str, ...]:
        """The columns in order; who has the same ones is sent the same text. None means all."""
        return tuple(sorted(self.select or ()))

    def made(self, tables: list[Table], caller: Caller) -> Made:
        """Subscribe under these claims to the published tables that it asks for. Raises
        `BadSubscription` when they do not have what it asks for."""
        covered = [table for table in tables if table.published and self._covers(table)]
        if not covered:
            raise BadSubscription(
                f"{_UNABLE}Please check Realtime is enabled for the given connect parameters: "
                f"{self}"
            )
        try:
            for table in covered:
                self._check(table, caller)
        except DatabaseError as error:
            name = _CONDITION_NAMES.get(error.code, "internal_error")
            raise BadSubscription(
                f"{_UNABLE}An exception happened so please check your connect parameters: {self}. "
                f"Exception: ERROR {error.code} ({name}) {_told(error)}"
            ) from None
        return Made(self, frozenset(table.key for table in covered))

    def _covers(self, table: Table) -> bool:
        return _is_like(table.schema, self.schema) and _is_like(table.name, self.table)

    def _check(self, table: Table, caller: Caller) -> None:
        if caller.role not in ROLES:
            raise DatabaseError("42704", f'role "{caller.role}" does not exist')
        readable = rights.readable(table, caller)
        for condition in self.filters:
            conditions.check(condition, table, readable)
        for name in self.select or ():
            if name not in readable:
                raise DatabaseError("P0001", f"invalid column for select {name}")

    def __str__(self) -> str:
        filters = inspect_lines(list(map(str, self.filters)))
        names = None if self.select is None else list(map(inspect, self.select))
        select = "nil" if names is None else inspect_lines(names, fills=True)
        return (
            f"[event: {self.event}, schema: {self.schema}, table: {self.table}, "
            f"filters: {filters}, select: {select}]"
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A subscription in force: to the tables that were there when it was made."""

    subscription: Subscription
    tables: frozenset[tuple[str, str]]

    @property
    def id(self) -> int:
        return self.subscription.id

    @property
    def selected(self) -> tuple[str, ...]:
        return self.subscription.selected

    def wants(self, table: Table, kind: str) -> bool:
        """Whether it asks for changes of this kind of this table."""
        return table.key in self.tables and self.subscription.event in ("*", kind)

    def fits(self, table: Table, record: Mapping[str, Any]) -> bool:
        """Whether the filters let a record pass; each of them is tried. Raises `DatabaseError`."""
        filters = self.subscription.filters
        held = [conditions.holds(condition, table, record) for condition in filters]
        return all(held)


def _told(error: DatabaseError) -> str:
    """An error as the database client of the real server prints it."""
    hint = f"\n\n    hint: {error.hint}" if error.hint else ""
    return error.message + hint + (f"\n\n{error.details}" if error.details else "")


def _is_like(name: str, asked: str) -> bool:
    """The real server finds tables by `LIKE` without an escape, so `%` and `_` mean what they mean
    there."""
    return asked == "*" or like(name, asked.replace("\\", "\\\\"))


def understood(binding: Mapping[str, Any]) -> Subscription:
    """A binding of a join, with its id, by `protocol.md §3.3`. Raises `BadSubscription`."""
    asked = {key: value for key, value in binding.items() if key != "id"}
    select = _select(asked.get("select"))
    named = [name for name in ("schema", "table", "filter") if name in asked]
    is_text = all(isinstance(asked[name], str) for name in named)
    if not is_text or named in ([], ["filter"], ["schema", "filter"], ["table", "filter"]):
        shown = "<redacted>" if _SECRETS & asked.keys() else inspect(asked)
        raise BadSubscription(
            "No subscription params provided. Please provide at least a `schema` or `table` to "
            f"subscribe to: {shown}"
        )
    schema, table = asked.get("schema", "public"), asked.get("table", "*")
    filters = _filters(asked.get("filter", ""))
    if select and "*" in (schema, table):
        raise BadSubscription(
            "Column selection is not supported for wildcard subscriptions. "
            "Provide an explicit schema and table name."
        )
    return Subscription(binding["id"], _event(asked.get("event")), schema, table, filters, select)


def _event(event: Any) -> str:
    upper = event.upper() if isinstance(event, str) else "*"
    return upper if upper in _EVENTS else "*"


def _filters(text: str) -> tuple[Filter, ...]:
    try:
        return parse_filters(text)
    except BadFilter as error:
        raise BadSubscription(f"Error parsing `filter` params: {error}") from None


def _select(select: Any) -> tuple[str, ...] | None:
    if isinstance(select, str):
        raise BadSubscription(
            "Error parsing `select` params: expected a list of column name strings, "
            'e.g. select: ["col1", "col2"]'
        )
    given = select if isinstance(select, list) else []
    return tuple(name for name in given if isinstance(name, str)) or None
