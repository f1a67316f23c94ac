"""A change as its subscribers see it: the `data` of a `postgres_changes` push (§3.1, §3.2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fake_server.database import Change, Row, json_text
from fake_server.database.render import identity, log_record
from harness.protocol import V1, Codec

_RECORD_BYTES_MAX = 1_048_576
_KEPT_BYTES_MAX = 64

UNAUTHORIZED = "Error 401: Unauthorized"
NO_PRIMARY_KEY = "Error 400: Bad Request, no primary key"
_TOO_LARGE = "Error 413: Payload Too Large"


def filtered_row(change: Change) -> Row:
    """What filters look at: the new row, of a deleted one only what the log keeps."""
    if change.new is not None:
        return change.new
    kept = identity(change.table)
    return {name: value for name, value in (change.old or {}).items() if name in kept}


def data(change: Change, select: tuple[str, ...] | None) -> str:
    """The JSON of `data`, byte for byte as recorded."""
    table = change.table
    names = [
        column.name
        for column in table.columns
        if select is None or column.name in select or column.name in table.primary_key
    ]
    record = None if change.new is None else log_record(table, change.new, names)
    kept = [name for name in identity(table) if name in names]
    old = None if change.old is None else log_record(table, change.old, kept)
    errors = None
    if _log_bytes(change) > _RECORD_BYTES_MAX:
        record, old, errors = _small(record), _small(old), [_TOO_LARGE]
    columns = [
        {"name": column.name, "type": column.type}
        for column in table.columns
        if column.name in names
    ]
    return _json(change, record, columns, errors, _moment(change.at_s), old)


def refusal(change: Change, error: str) -> str:
    """The JSON of `data` for a change that may not be shown."""
    record: Row | None = None if change.new is None else {}
    old: Row | None = {} if change.kind == "UPDATE" else None
    return _json(change, record, [], [error], None, old)


def frame(codec: Codec, topic: str, event: str, payload: str) -> str:
    """A push without refs whose payload is JSON already."""
    name, place = json.dumps(event), json.dumps(topic, ensure_ascii=False)
    if codec is V1:
        return f'{{"ref":null,"event":{name},"payload":{payload},"topic":{place}}}'
    return f"[null,null,{place},{name},{payload}]"


def _json(
    change: Change,
    record: Row | None,
    columns: list[Row],
    errors: list[str] | None,
    moment: str | None,
    old: Row | None,
) -> str:
    parts = {
        "table": json_text(change.table.name),
        "type": json_text(change.kind),
        "record": None if record is None else json_text(record),
        "columns": json_text(columns),
        "errors": json_text(errors),
        "schema": json_text(change.table.schema),
        "commit_timestamp": json_text(moment),
        "old_record": None if old is None else json_text(old),
    }
    pairs = (f'"{name}":{text}' for name, text in parts.items() if text is not None)
    return "{" + ",".join(pairs) + "}"


def _moment(at_s: float) -> str:
    moment = datetime.fromtimestamp(int(at_s), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(at_s * 1000) % 1000:03}Z"


def _log_bytes(change: Change) -> int:
    """The size of a change in the log, which has of the old row only its replica identity."""
    is_full = change.table.replica_identity == "full"
    old = log_record(change.table, change.old or {}, None if is_full else change.table.primary_key)
    return len(json_text(change.new).encode()) + len(json_text(old).encode())


def _small(row: Row | None) -> Row | None:
    """Only the short values; null is none."""
    if row is None:
        return None
    return {
        name: value
        for name, value in row.items()
        if value is not None and _bytes(value) <= _KEPT_BYTES_MAX
    }


def _bytes(value: Any) -> int:
    return len(json_text(value).encode())
