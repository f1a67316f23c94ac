"""How values of one type order, and which are equal."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from fake_server.database.inet import inet_key
from fake_server.database.intervals import interval_microseconds
from fake_server.database.json_values import json_key
from fake_server.database.moments import moment_key
from fake_server.database.types import Value, category


def order_key(type_name: str, value: Value) -> Any:
    """Orders and equates values of one type as Postgres does; NaN is the greatest number."""
    if type_name.startswith("_"):
        return _array_key(type_name, value)
    if type_name in ("json", "jsonb"):
        # An empty array is the least of all, but not within others.
        return (-1,) if value == [] else json_key(value)
    if type_name == "interval":
        return interval_microseconds(value)
    if category(type_name) == "D":
        return moment_key(value)
    if type_name == "inet":
        return inet_key(value)
    if isinstance(value, float | Decimal):
        return (1, 0) if math.isnan(value) else (0, value)
    return (0, value) if isinstance(value, int) else value


def _array_key(type_name: str, value: list[Value]) -> tuple[Any, ...]:
    """The items, null as the greatest; then how they are nested."""
    if type_name in ("_json", "_jsonb"):
        return ([json_key(item) for item in value], 0)
    items: list[Any] = value
    dimensions = 0
    while items and isinstance(items[0], list):
        items, dimensions = [inner for item in items for inner in item], dimensions + 1
    keys = [
        (item is None, None if item is None else order_key(type_name[1:], item)) for item in items
    ]
    return keys, dimensions, [len(value)]
