"""What a binding subscribes to, and the real server's words for one that cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fake_server.changes.filters import BadFilter, Filter, parse_filters
from fake_server.database import Change, DatabaseError, Row, Table
from fake_server.elixir import inspect

_EVENTS = ("INSERT", "UPDATE", "DELETE")
_UNABLE = "Unable to subscribe to changes with given parameters. "
_CONDITION_NAMES = {
    "P0001": "raise_exception",
    "22003": "numeric_value_out_of_range",
    "22007": "invalid_datetime_format",
    "22008": "datetime_field_overflow",
    "2201B": "invalid_regular_expression",
    "22P02": "invalid_text_representation",
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

    def covers(self, table: Table) -> bool:
        """Whether it asks for this table."""
        return self.schema in ("*", table.schema) and self.table in ("*", table.name)

    def fits(self, change: Change, row: Row) -> bool:
        """Whether a change is asked for; `row` is what the filters look at."""
        return (
            self.event in ("*", change.kind)
            and self.covers(change.table)
            and all(condition.holds(change.table, row) for condition in self.filters)
        )

    def check(self, tables: list[Table]) -> None:
        """Raises `BadSubscription` when the published tables do not have what it asks for."""
        covered = [table for table in tables if table.published and self.covers(table)]
        if not covered:
            raise BadSubscription(
                f"{_UNABLE}Please check Realtime is enabled for the given connect parameters: "
                f"{self}"
            )
        try:
            for table in covered:
                self._check_columns(table)
        except DatabaseError as error:
            name = _CONDITION_NAMES.get(error.code, "internal_error")
            raise BadSubscription(
                f"{_UNABLE}An exception happened so please check your connect parameters: {self}. "
                f"Exception: ERROR {error.code} ({name}) {error.message}"
            ) from None

    def _check_columns(self, table: Table) -> None:
        for condition in self.filters:
            condition.check(table)
        for name in self.select or ():
            if table.column(name) is None:
                raise DatabaseError("P0001", f"invalid column for select {name}")

    def __str__(self) -> str:
        filters = ", ".join(map(str, self.filters))
        select = None if self.select is None else list(self.select)
        return (
            f"[event: {self.event}, schema: {self.schema}, table: {self.table}, "
            f"filters: [{filters}], select: {inspect(select)}]"
        )


def understood(binding: Mapping[str, Any]) -> Subscription:
    """A binding of a join, with its id, by `protocol.md §3.3`. Raises `BadSubscription`."""
    asked = {key: value for key, value in binding.items() if key != "id"}
    named = [name for name in ("schema", "table", "filter") if name in asked]
    is_text = all(isinstance(asked[name], str) for name in named)
    if not is_text or named in ([], ["filter"], ["schema", "filter"], ["table", "filter"]):
        raise BadSubscription(
            "No subscription params provided. Please provide at least a `schema` or `table` to "
            f"subscribe to: {inspect(asked)}"
        )
    event = str(asked.get("event", "*")).upper()
    return Subscription(
        binding["id"],
        event if event in _EVENTS else "*",
        asked.get("schema", "public"),
        asked.get("table", "*"),
        _filters(asked.get("filter", "")),
        _select(asked),
    )


def _filters(text: str) -> tuple[Filter, ...]:
    try:
        return parse_filters(text)
    except BadFilter as error:
        raise BadSubscription(f"Error parsing `filter` params: {error}") from None


def _select(asked: Mapping[str, Any]) -> tuple[str, ...] | None:
    select = asked.get("select")
    if select is None:
        return None
    if not isinstance(select, list):
        raise BadSubscription(
            "Error parsing `select` params: expected a list of column name strings, "
            'e.g. select: ["col1", "col2"]'
        )
    names = tuple(sorted({name: None for name in select if isinstance(name, str)}))
    if names and "*" in (asked.get("schema", "public"), asked.get("table", "*")):
        raise BadSubscription(
            "Column selection is not supported for wildcard subscriptions. "
            "Provide an explicit schema and table name."
        )
    return names or None
