"""Stored values as Realtime reads them in the log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fake_server.database.typed import Typed, json_value
from fake_server.database.types import Value


def log_value(type_name: str, value: Value) -> Any:
    """A value as wal2json and Realtime leave it: NaN and the infinities are null (in an array
    text), `bytea` is without its `\\x`, and of a `character(n)` there is the first letter."""
    if value is None:
        return None
    if type_name == "bytea":
        return value.removeprefix("\\x")
    if type_name == "bpchar":
        return value[:1] or " "
    if type_name.startswith("_"):
        return [_item(type_name, item) for item in value]
    shown = json_value(Typed(type_name, value))
    return None if isinstance(value, float | Decimal) and isinstance(shown, str) else shown


def _item(type_name: str, item: Value) -> Any:
    if isinstance(item, list):
        return [_item(type_name, each) for each in item]
    if type_name == "_bpchar" and item is not None:
        return log_value("bpchar", item)
    return json_value(Typed(type_name[1:], item))
