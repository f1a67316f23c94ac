"""Postgres types: text in, checked value out, in Postgres' own words when it does not fit.

A value is what JSON shows of it: `int`, `float` and `Decimal` for numbers (with NaN and the
infinities), `bool`, `None`, lists for arrays, nested Python values for `json` and `jsonb`, and text
for all others: timestamps in ISO 8601 (`timestamptz` in UTC), `bytea` as `\\x…`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fake_server.database.arrays import parse_items
from fake_server.database.bytea import parse_bytea
from fake_server.database.errors import DatabaseError, invalid_syntax
from fake_server.database.inet import parse_inet
from fake_server.database.intervals import parse_interval
from fake_server.database.json_values import json_text, parse_json
from fake_server.database.moments import (
    parse_date,
    parse_time,
    parse_timestamp,
    parse_timestamptz,
)
from fake_server.database.numbers import (
    SPACE,
    parse_float4,
    parse_float8,
    parse_integer,
    parse_numeric,
)

Value = Any
Modifier = tuple[int, ...]
"""What a type's brackets hold: `(10, 2)` for `numeric(10,2)`."""


@dataclass(frozen=True, slots=True)
class Type:
    """One type: its name in `pg_type`, the name that error texts use, and how text is read."""

    name: str
    label: str
    parse: Callable[[str, Modifier], Value]
    category: str
    """`N`umber, `S`tring, `B`oolean, `D`ate or time, or the type's own name."""


def cast(type_name: str, text: str, modifier: Modifier = (), explicit: bool = False) -> Value:
    """The value that a literal stands for. Raises `DatabaseError`, as Postgres would; only an
    explicit cast cuts off what is too long for a `varchar(n)`."""
    if _NO_TEXT.search(text):
        raise _not_encoded(text)
    if type_name.startswith("_"):
        return _cast_items(type_name[1:], parse_items(text), modifier, explicit)
    if explicit and modifier and type_name in ("varchar", "bpchar"):
        text = text[: modifier[0]]
    return named(type_name).parse(text, modifier)


def named(type_name: str) -> Type:
    """The type of this name. Raises `DatabaseError` 42704 for one that is not known."""
    found = _TYPES.get(type_name)
    if found is None:
        raise DatabaseError("42704", f'type "{type_name}" does not exist')
    return found


def label(type_name: str) -> str:
    """The name of a type in error texts: `bigint`, `text[]`."""
    if type_name.startswith("_"):
        return label(type_name[1:]) + "[]"
    return _TYPES[type_name].label if type_name in _TYPES else type_name


def category(type_name: str) -> str:
    """Types of one category compare with each other, and turn into each other on assignment."""
    if type_name.startswith("_"):
        return type_name
    return _TYPES[type_name].category if type_name in _TYPES else type_name


def canonical(name: str) -> str | None:
    """`pg_type`'s name for a type as SQL writes it (`bigint` → `int8`); None for an unknown one."""
    plain = " ".join(name.lower().split())
    if plain.endswith("[]"):
        element = canonical(plain[:-2])
        return None if element is None else f"_{element}"
    if plain in _TYPES:
        return plain
    return _ALIASES.get(plain)


def from_json(type_name: str, value: Any, modifier: Modifier = ()) -> Value:
    """What a JSON value becomes in a column, as `json_populate_record` does it."""
    if value is None or type_name in ("json", "jsonb"):
        return value
    if type_name.startswith("_") and isinstance(value, list):
        return [from_json(type_name[1:], item, modifier) for item in value]
    text = value if isinstance(value, str) else json_text(value, spaced=False)
    return cast(type_name, text, modifier)


def _cast_items(element: str, items: list[Any], modifier: Modifier, explicit: bool) -> list[Value]:
    return [
        _cast_items(element, item, modifier, explicit)
        if isinstance(item, list)
        else None
        if item is None
        else cast(element, item, modifier, explicit)
        for item in items
    ]


_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def _not_encoded(text: str) -> DatabaseError:
    """For a text that no UTF-8 database can hold."""
    found = _NO_TEXT.search(text)
    octets = (found[0] if found else "").encode("utf-8", "surrogatepass")
    shown = " ".join(f"0x{octet:02x}" for octet in octets)
    return DatabaseError("22021", f'invalid byte sequence for encoding "UTF8": {shown}')


# How each type reads its text.


def _integer(type_label: str, bits: int) -> Callable[[str, Modifier], int]:
    return lambda text, _: parse_integer(text, type_label, bits)


_TRUE = ("t", "tr", "tru", "true", "y", "ye", "yes", "on", "1")
_FALSE = ("f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0")


def _bool(text: str, _: Modifier) -> bool:
    word = text.strip(SPACE).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise invalid_syntax("boolean", text)


def _text(text: str, _: Modifier) -> str:
    return text


def _bounded(type_label: str, padded: bool) -> Callable[[str, Modifier], str]:
    def parse(text: str, modifier: Modifier) -> str:
        length = modifier[0] if modifier else len(text)
        if len(text.rstrip(" ")) > length:
            raise DatabaseError("22001", f"value too long for type {type_label}({length})")
        return text[:length].ljust(length) if padded else text[:length]

    return parse


_UUID = re.compile(r"(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}")


def _uuid(text: str, _: Modifier) -> str:
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not _UUID.fullmatch(inner):
        raise invalid_syntax("uuid", text)
    return str(uuid.UUID(inner.replace("-", "")))


def _json(text: str, _: Modifier) -> Any:
    return parse_json(text, is_binary=False)


def _plain(parse: Callable[[str], Value]) -> Callable[[str, Modifier], Value]:
    """A type whose brackets, if any, change nothing here."""
    return lambda text, _: parse(text)


_TYPES = {
    kind.name: kind
    for kind in (
        Type("int2", "smallint", _integer("smallint", 16), "N"),
        Type("int4", "integer", _integer("integer", 32), "N"),
        Type("int8", "bigint", _integer("bigint", 64), "N"),
        Type("float4", "real", _plain(parse_float4), "N"),
        Type("float8", "double precision", _plain(parse_float8), "N"),
        Type("numeric", "numeric", parse_numeric, "N"),
        Type("bool", "boolean", _bool, "B"),
        Type("text", "text", _text, "S"),
        Type("varchar", "character varying", _bounded("character varying", False), "S"),
        Type("bpchar", "character", _bounded("character", True), "S"),
        Type("uuid", "uuid", _uuid, "uuid"),
        Type("json", "json", _json, "json"),
        Type("jsonb", "jsonb", _plain(parse_json), "jsonb"),
        Type("date", "date", _plain(parse_date), "D"),
        Type("time", "time without time zone", _plain(parse_time), "time"),
        Type("timestamp", "timestamp without time zone", _plain(parse_timestamp), "D"),
        Type("timestamptz", "timestamp with time zone", _plain(parse_timestamptz), "D"),
        Type("interval", "interval", _plain(parse_interval), "interval"),
        Type("bytea", "bytea", _plain(parse_bytea), "bytea"),
        Type("inet", "inet", _plain(parse_inet), "inet"),
    )
}
_ALIASES = {
    "smallint": "int2",
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "char": "bpchar",
    "character": "bpchar",
    "time without time zone": "time",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
