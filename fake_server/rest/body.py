"""What is to be written: the rows of a body in JSON, CSV or as a form."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from fake_server.database import DatabaseError
from fake_server.database.json_values import read_json
from fake_server.http import Request
from fake_server.rest.errors import bad_body

_DEPTH_MAX = 150
_EXPONENT_MAX = 131_071
_FORM = "application/x-www-form-urlencoded"

Rows = list[dict[str, Any]]


def read_rows(request: Request, any_keys: bool) -> Rows:
    """The rows of a body; `any_keys` says that the query names the columns.

    Raises `Refused` PGRST102 for a body that holds no rows, `DatabaseError` for values that
    Postgres cannot hold.
    """
    media_type = request.headers.get("content-type", "application/json")
    kind = media_type.partition(";")[0].strip().lower()
    text = request.body.decode("utf-8", "replace")
    if kind == "text/csv":
        rows = _csv_rows(text)
    elif kind == _FORM:
        rows = [dict(parse_qsl(text, keep_blank_values=True))]
    elif kind in ("application/json", ""):
        rows = _json_rows(request.body, any_keys)
    else:
        raise bad_body(f"Content-Type not acceptable: {kind}")
    for row in rows:
        _check_values(row)
    return rows


def _json_rows(body: bytes, any_keys: bool) -> Rows:
    try:
        value = read_json(body.decode())
    except (ValueError, RecursionError):
        raise bad_body("Empty or invalid json") from None
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []
    if any_keys and not all(isinstance(row, dict) for row in value):
        message = "argument of json_to_recordset must be an array of objects"
        raise DatabaseError("22023", message)
    keys = set(value[0]) if value and isinstance(value[0], dict) else None
    if value and not any_keys and any(_keys(row) != keys for row in value):
        raise bad_body("All object keys must match")
    return value


def _keys(row: Any) -> object:
    return set(row) if isinstance(row, dict) else "no object"


def _csv_rows(text: str) -> Rows:
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise bad_body(f"Failed reading CSV: {error}") from None
    if not lines:
        raise bad_body("Failed reading CSV: not enough input")
    names, *rows = lines
    if any(len(row) != len(names) for row in rows):
        raise bad_body("All lines must have same number of fields")
    return [
        {name: None if item == "NULL" else item for name, item in zip(names, row, strict=True)}
        for row in rows
    ]


def _check_values(value: Any) -> None:
    """Raises `DatabaseError` for texts, numbers and depths that Postgres does not take."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEPTH_MAX:
            raise DatabaseError("54001", "stack depth limit exceeded")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, Decimal) and abs(item.adjusted()) > _EXPONENT_MAX:
            raise DatabaseError("22003", "value overflows numeric format")
        elif isinstance(item, dict):
            waiting += [(key, depth) for key in item]
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]


def _check_text(text: str) -> None:
    """Raises `DatabaseError` for what is no text to Postgres."""
    if "\0" in text:
        details = "\\u0000 cannot be converted to text."
        raise DatabaseError("22P05", "unsupported Unicode escape sequence", details)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        details = "Unicode low surrogate must follow a high surrogate."
        raise DatabaseError("22P02", "invalid input syntax for type json", details)


def require_body(request: Request) -> None:
    """Raises `Refused` PGRST102 where there is nothing at all."""
    if not request.body.strip():
        raise bad_body("Empty or invalid json")
