"""What a field of a row is worth, with its type; and how it is printed in JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from fake_server.database import DatabaseError, Row, Table, json_text, types
from fake_server.database.numbers import number_text
from fake_server.database.output import output
from fake_server.database.typed import Typed, convert
from fake_server.rest.model import Field, Step

Getter = Callable[[Row], Typed]
"""The value of a field in a row."""

FRAGMENT = "json text"
"""The type of what is JSON text already: rows that are embedded."""


def getter(table: Table, field: Field) -> tuple[str, Getter]:
    """The type of a field and how to get it. Raises `DatabaseError` 42703."""
    column = table.column(field.name)
    if column is None:
        raise DatabaseError("42703", f"column {table.name}.{field.name} does not exist")
    kind, name, path = column.type, column.name, field.path
    if not path:
        return kind, lambda row: Typed(kind, row[name])
    as_json = "json" if kind == "json" else "jsonb"
    if field.as_text:
        return "text", lambda row: Typed("text", _text(_walk(row[name], path)))
    return as_json, lambda row: Typed(as_json, _walk(row[name], path))


def casted(get: Getter, type_text: str) -> Getter:
    """The same field as another type. Raises `DatabaseError` 42704 for one that is not there."""
    kind = types.canonical(type_text)
    if kind is None:
        raise DatabaseError("42704", f'type "{type_text}" does not exist')
    return lambda row: _cast(get(row), kind)


def _cast(value: Typed, kind: str) -> Typed:
    if value.type in ("json", "jsonb") and types.category(kind) in "NB":
        value = Typed("unknown", _text(value.value))
    return convert(value, kind)


def _walk(value: Any, path: tuple[Step, ...]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        else:
            return None
    return value


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)


# Printing.


def json_of(value: Typed) -> str:
    """A value as `to_json` prints it."""
    if value.value is None:
        return "null"
    if value.type == FRAGMENT:
        return str(value.value)
    if value.type == "jsonb":
        return json_text(value.value)
    if value.type == "json":
        return json.dumps(value.value, ensure_ascii=False, default=_number)
    if value.type.startswith("_"):
        inner = value.type[1:]
        items = (
            json_of(Typed(value.type if isinstance(item, list) else inner, item))
            for item in value.value
        )
        return "[" + ",".join(items) + "]"
    return _scalar(value.value)


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    text = number_text(value)
    return json.dumps(text) if text[-1].isalpha() else text


def object_of(row: dict[str, Typed], stripped: bool = False) -> str:
    """A row as an object; `stripped` leaves nulls out."""
    pairs = (
        f"{json.dumps(name, ensure_ascii=False)}:{json_of(value)}"
        for name, value in row.items()
        if not (stripped and value.value is None)
    )
    return "{" + ",".join(pairs) + "}"


def array_of(objects: Iterable[str]) -> str:
    """Rows as `json_agg` prints them."""
    return "[" + ", \n ".join(objects) + "]"


def csv_of(names: list[str], rows: list[dict[str, Typed]]) -> str:
    """Rows under a head of names, as PostgREST prints them."""
    lines = [",".join(names), *(_csv_line(row) for row in rows)]
    return "\n".join(lines)


def _csv_line(row: dict[str, Typed]) -> str:
    """As a record prints itself: empty for null, quotes where they are needed."""
    return ",".join("" if value.value is None else _csv_item(value) for value in row.values())


def _csv_item(value: Typed) -> str:
    fragment = value.type == FRAGMENT
    text = str(value.value) if fragment else output(value.type, value.value)
    if text and not any(each in text for each in '(),"\\ \n\r\t'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
