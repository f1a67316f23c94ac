"""A change as its subscribers see it: the `data` of a `postgres_changes` push (§3.1, §3.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from fake_server.changes.log import Logged, Record
from fake_server.database import Change, json_text
from harness.protocol import V1, Codec

_KEPT_BYTES_MAX = 64

UNAUTHORIZED = "Error 401: Unauthorized"
NO_PRIMARY_KEY = "Error 400: Bad Request, no primary key"
_TOO_LARGE = "Error 413: Payload Too Large"


def data(logged: Logged, readable: Iterable[str], selected: tuple[str, ...]) -> str:
    """The JSON of `data`, byte for byte as recorded: the columns that may be read, and of these
    the selected ones with the primary key; no selection is all."""
    change, table = logged.change, logged.table
    wanted = {*selected, *table.primary_key} if selected else set(table.column_names)
    names = wanted & set(readable)
    columns = [
        {"name": column.name, "type": column.type}
        for column in table.columns
        if column.name in names
    ]
    old = None if change.old is None else _old(logged, names)
    parts = {
        "record": None if logged.record is None else _shown(logged, _new(logged), names),
        "columns": columns or _NULL,
        "errors": [_TOO_LARGE] if logged.too_large else _NULL,
        "commit_timestamp": _moment(change.at_s),
        "old_record": old,
    }
    return _json(change, parts)


def refusal(change: Change, error: str) -> str:
    """The JSON of `data` for a change that may not be shown."""
    parts = {
        "record": {},
        "columns": [],
        "errors": [error],
        "commit_timestamp": _NULL,
        "old_record": {} if change.kind == "UPDATE" else None,
    }
    return _json(change, parts)


def frame(codec: Codec, topic: str, event: str, payload: str) -> str:
    """A push without refs whose payload is JSON already."""
    name, place = json.dumps(event), json.dumps(topic, ensure_ascii=False)
    if codec is V1:
        return f'{{"ref":null,"event":{name},"payload":{payload},"topic":{place}}}'
    return f"[null,null,{place},{name},{payload}]"


class _Null:
    """A key whose value is null; None is a key that is not there."""


_NULL = _Null()


def _new(logged: Logged) -> Record:
    """The new row; what the log does not have of it, because it is kept apart and did not change,
    is taken from the old one."""
    if logged.too_large:
        return _of(logged)
    missing = {name: logged.identity[name] for name in logged.identity if name not in _of(logged)}
    return {**_of(logged), **missing}


def _of(logged: Logged) -> Record:
    return logged.record or {}


def _old(logged: Logged, names: set[str]) -> Record | _Null:
    """The replica identity; what was deleted under row level security shows its key only."""
    if logged.change.kind == "DELETE" and logged.table.rls:
        names = names & set(logged.table.primary_key)
    return _shown(logged, logged.identity, names)


def _shown(logged: Logged, record: Record, names: set[str]) -> Record | _Null:
    """These columns in their order, the small ones only if the whole is too large; none is null."""
    shown = {name: record[name] for name in logged.table.column_names if name in record}
    kept = {
        name: value
        for name, value in shown.items()
        if name in names and not (logged.too_large and _is_large(value))
    }
    return kept or _NULL


def _is_large(value: Any) -> bool:
    """Whether a value is left out of a change that is too large; null is none."""
    return value is None or len(json_text(value).encode()) > _KEPT_BYTES_MAX


def _json(change: Change, parts: dict[str, Any]) -> str:
    pairs: dict[str, Any] = {
        "table": change.table.name,
        "type": change.kind,
        "record": parts["record"],
        "columns": parts["columns"],
        "errors": parts["errors"],
        "schema": change.table.schema,
        "commit_timestamp": parts["commit_timestamp"],
        "old_record": parts["old_record"],
    }
    texts = (
        f'"{name}":{"null" if value is _NULL else json_text(value)}'
        for name, value in pairs.items()
        if value is not None
    )
    return "{" + ",".join(texts) + "}"


def _moment(at_s: float) -> str:
    microseconds = round(at_s * 1_000_000)
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds // 1000 % 1000:03}Z"
