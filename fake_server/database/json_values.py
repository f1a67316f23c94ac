"""JSON values: read without losing digits, printed and ordered as `jsonb`."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, NoReturn

from fake_server.database.errors import DatabaseError
from fake_server.database.json_syntax import check_json
from fake_server.database.numbers import number_text


def parse_json(text: str, is_binary: bool = True) -> Any:
    """Read JSON without losing digits; `json` takes what `jsonb` does not. Raises
    `DatabaseError`."""
    try:
        if "\\u" in text:
            check_json(text, is_binary)
        return read_json(text)
    except (ValueError, RecursionError):
        _refuse_json(text, is_binary)


def read_json(text: str) -> Any:
    """Read JSON without losing digits, also what Postgres would not take. Raises `ValueError` or
    `RecursionError`."""
    return json.loads(text, parse_float=_decimal, parse_constant=_refuse_constant)


def _refuse_json(text: str, is_binary: bool) -> NoReturn:
    try:
        check_json(text, is_binary)
    except RecursionError:
        raise DatabaseError("54001", "stack depth limit exceeded") from None
    raise DatabaseError("22P02", "invalid input syntax for type json")


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    return abs(number) if number.is_zero() else number


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def json_text(value: Any, spaced: bool = True) -> str:
    """`jsonb` as Postgres prints it: keys by length, then by bytes; one space after `,` and `:`.

    Numbers that JSON lacks (NaN, infinities) become null.
    """
    comma, colon = (", ", ": ") if spaced else (",", ":")
    if isinstance(value, dict):
        keys = sorted(value, key=_json_key_order)
        pairs = (f"{json_text(key)}{colon}{json_text(value[key], spaced)}" for key in keys)
        return "{" + comma.join(pairs) + "}"
    if isinstance(value, list):
        return "[" + comma.join(json_text(item, spaced) for item in value) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if math.isnan(value) or math.isinf(value):
        return "null"
    if isinstance(value, float):
        return "0" if value == 0 else format(Decimal(repr(value)), "f").removesuffix(".0")
    return number_text(value)


def json_key(value: Any) -> tuple[Any, ...]:
    """How `jsonb` orders: objects after arrays after truth, numbers, texts and null; the longer
    after the shorter."""
    if isinstance(value, dict):
        keys = sorted(value, key=_json_key_order)
        return (5, len(keys), *((json_key(key), json_key(value[key])) for key in keys))
    if isinstance(value, list):
        return (4, len(value), *map(json_key, value))
    if isinstance(value, bool):
        return (3, value)
    if value is None:
        return (0,)
    return (1, value) if isinstance(value, str) else (2, Decimal(str(value)))


def _json_key_order(key: str) -> tuple[int, bytes]:
    return len(key.encode()), key.encode()
