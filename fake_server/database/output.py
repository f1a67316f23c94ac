"""Values as the texts that Postgres prints."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fake_server.database.arrays import array_text, item_text
from fake_server.database.json_values import json_text
from fake_server.database.moments import moment_output
from fake_server.database.numbers import float_text, number_text


def output(type_name: str, value: Any) -> str:
    """The text that Postgres prints for a value: `t` for true, `{a,"b,c"}` for an array."""
    if value is None:
        return ""
    if type_name.startswith("_"):
        return _array_output(type_name, value)
    if type_name == "bool":
        return "t" if value else "f"
    if type_name in ("json", "jsonb"):
        return json_text(value)
    if type_name in ("timestamptz", "timestamp"):
        return moment_output(str(value))
    if type_name in ("float4", "float8"):
        return float_text(value, type_name)
    return number_text(value) if isinstance(value, int | float | Decimal) else str(value)


def _array_output(type_name: str, value: list[Any]) -> str:
    is_nested = type_name not in ("_json", "_jsonb")
    return array_text(
        [
            _array_output(type_name, item)
            if is_nested and isinstance(item, list)
            else item_text(None if item is None else output(type_name[1:], item))
            for item in value
        ]
    )
