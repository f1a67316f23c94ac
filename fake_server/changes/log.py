"""A change as the log of the database holds it: what filters look at and payloads show (§3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from fake_server.database import Caller, Change, Column, Row, Table, json_text, label, rights
from fake_server.database.output import output
from fake_server.database.render import log_value
from fake_server.database.toast import unchanged

Record = dict[str, Any]
"""Column → value as the log has it; NaN, the infinities and null are None."""

_RECORD_BYTES_MAX = 1_048_576
_ACTIONS = {"INSERT": "I", "UPDATE": "U", "DELETE": "D"}
_OIDS = {
    "int2": 21,
    "int4": 23,
    "int8": 20,
    "float4": 700,
    "float8": 701,
    "numeric": 1700,
    "bool": 16,
    "text": 25,
    "varchar": 1043,
    "bpchar": 1042,
    "uuid": 2950,
    "json": 114,
    "jsonb": 3802,
    "date": 1082,
    "time": 1083,
    "timestamp": 1114,
    "timestamptz": 1184,
    "interval": 1186,
    "bytea": 17,
    "inet": 869,
}
_ARRAY_OID = 1000
"""Arrays have oids of four digits, and only the digits count here."""


@dataclass(frozen=True)
class Logged:
    """One change in the log."""

    change: Change

    @property
    def table(self) -> Table:
        return self.change.table

    @cached_property
    def record(self) -> Record | None:
        """The new row, without values that are kept apart from it and did not change; None for a
        delete."""
        new, old = self.change.new, self.change.old
        if new is None:
            return None
        missing = unchanged(self.table, new, old) if old is not None else frozenset()
        return _record(self.table, {name: new[name] for name in new if name not in missing})

    @cached_property
    def identity(self) -> Record:
        """What the log has of the old row: its replica identity."""
        table, old = self.table, self.change.old
        if old is None or table.replica_identity == "nothing":
            return {}
        if table.replica_identity == "full":
            return _record(table, old)
        return _record(table, {name: old[name] for name in table.primary_key})

    @property
    def filtered(self) -> Record:
        """What filters look at: the new row, of a deleted one what the log has."""
        return self.identity if self.record is None else self.record

    @cached_property
    def size_bytes(self) -> int:
        """How long the log's JSON of this change is."""
        return len(json_text(self._entry()).encode())

    @property
    def too_large(self) -> bool:
        """Whether that is more than is read of one change."""
        return self.size_bytes > _RECORD_BYTES_MAX

    def readable(self, caller: Caller) -> frozenset[str]:
        """The columns that a subscriber may see."""
        return rights.readable(self.table, caller)

    def _entry(self) -> dict[str, Any]:
        table = self.table
        moment = datetime.fromtimestamp(self.change.at_s, UTC)
        entry = {
            "action": _ACTIONS[self.change.kind],
            "schema": table.schema,
            "table": table.name,
            "timestamp": f"{moment:%Y-%m-%d %H:%M:%S.%f}+00",
            "pk": [
                _described(column) for column in table.columns if column.name in table.primary_key
            ],
        }
        for key, record, row in (
            ("columns", self.record, self.change.new),
            ("identity", self.identity, self.change.old),
        ):
            if record:
                entry[key] = [
                    {**_described(column), "value": _printed(column, (row or {})[column.name])}
                    for column in table.columns
                    if column.name in record
                ]
        return entry


def _described(column: Column) -> dict[str, Any]:
    modifier = f"({','.join(map(str, column.modifier))})" if column.modifier else ""
    oid = _OIDS.get(column.type, _ARRAY_OID)
    return {"name": column.name, "type": label(column.type) + modifier, "typeoid": oid}


def _printed(column: Column, value: Any) -> Any:
    """Numbers and truth as they are, all else as text."""
    if value is None or isinstance(value, bool) or column.type.startswith(("int", "float", "num")):
        return value
    text = output(column.type, value)
    return text.removeprefix("\\x") if column.type == "bytea" else text


def _record(table: Table, row: Row) -> Record:
    return {
        column.name: log_value(column.type, row[column.name])
        for column in table.columns
        if column.name in row
    }
