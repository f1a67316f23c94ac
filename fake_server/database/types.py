"""Postgres types: text in, checked value out, in Postgres' own words when it does not fit.

A value is what JSON shows of it: `int`, `float` and `Decimal` for numbers (with NaN and the
infinities), `bool`, `None`, lists for arrays, nested Python values for `json` and `jsonb`, and text
for all others: timestamps in ISO 8601 (`timestamptz` in UTC), `bytea` as `\\x…`.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, NoReturn

from fake_server.database.arrays import array_text, item_text, parse_items
from fake_server.database.errors import DatabaseError
from fake_server.database.intervals import interval_microseconds, parse_interval
from fake_server.database.json_text import check_json
from fake_server.database.moments import (
    moment_key,
    moment_output,
    parse_date,
    parse_time,
    parse_timestamp,
    parse_timestamptz,
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


def output(type_name: str, value: Value) -> str:
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
        return float_text(value, _FLOAT_DIGITS[type_name])
    return number_text(value) if isinstance(value, int | float | Decimal) else str(value)


def order_key(type_name: str, value: Value) -> Any:
    """Orders and equates values of one type as Postgres does; NaN is the greatest number."""
    if type_name.startswith("_"):
        return _array_key(type_name, value)
    if type_name in ("json", "jsonb"):
        # An empty array is the least of all, but not within others.
        return (-1,) if value == [] else _json_key(value)
    if type_name == "interval":
        return interval_microseconds(value)
    if category(type_name) == "D":
        return moment_key(value)
    if type_name == "inet":
        return _inet_key(value)
    if isinstance(value, float | Decimal):
        return (1, 0) if math.isnan(value) else (0, value)
    return (0, value) if isinstance(value, int) else value


def _inet_key(value: str) -> tuple[Any, ...]:
    """The family, then the bits of the network, then the address."""
    address = ipaddress.ip_interface(value)
    bits = f"{int(address.ip):0{address.max_prefixlen}b}"[: address.network.prefixlen]
    return address.version, bits, int(address.ip)


def _array_key(type_name: str, value: list[Value]) -> tuple[Any, ...]:
    """The items, null as the greatest; then how they are nested."""
    if type_name in ("_json", "_jsonb"):
        return ([_json_key(item) for item in value], 0)
    items: list[Any] = value
    dimensions = 0
    while items and isinstance(items[0], list):
        items, dimensions = [inner for item in items for inner in item], dimensions + 1
    keys = [
        (item is None, None if item is None else order_key(type_name[1:], item)) for item in items
    ]
    return keys, dimensions, [len(value)]


def _json_key(value: Any) -> tuple[Any, ...]:
    """How `jsonb` orders: objects after arrays after truth, numbers, texts and null; the longer
    after the shorter."""
    if isinstance(value, dict):
        keys = sorted(value, key=_json_key_order)
        return (5, len(keys), *((_json_key(key), _json_key(value[key])) for key in keys))
    if isinstance(value, list):
        return (4, len(value), *map(_json_key, value))
    if isinstance(value, bool):
        return (3, value)
    if value is None:
        return (0,)
    return (1, value) if isinstance(value, str) else (2, Decimal(str(value)))


def _json_key_order(key: str) -> tuple[int, bytes]:
    return len(key.encode()), key.encode()


def float_text(value: float, digits: int) -> str:
    """A float as Postgres prints it: the exponent from this many digits on, or below 0.0001."""
    if not math.isfinite(value) or value == 0:
        return "-0" if math.copysign(1, value) < 0 == value else number_text(value)
    sign, figures, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    point = len(figures) + exponent - 1
    if -5 < point < digits:
        return format(Decimal((sign, figures, exponent)), "f")
    text = "".join(map(str, figures))
    mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
    return f"{'-' if sign else ''}{mantissa}e{'+' if point >= 0 else '-'}{abs(point):02}"


_FLOAT_DIGITS = {"float4": 6, "float8": 15}


def number_text(value: int | float | Decimal) -> str:
    """A number as Postgres prints it: `12.50`, `1e+20`, `NaN`, `Infinity`."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        return format(value, "f")
    text = repr(value)
    return text.removesuffix(".0")


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


# How each type reads its text.


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def _not_encoded(text: str) -> DatabaseError:
    """For a text that no UTF-8 database can hold."""
    found = _NO_TEXT.search(text)
    octets = (found[0] if found else "").encode("utf-8", "surrogatepass")
    shown = " ".join(f"0x{octet:02x}" for octet in octets)
    return DatabaseError("22021", f'invalid byte sequence for encoding "UTF8": {shown}')


_SPACE = " \t\n\r\v\f"


def _invalid(type_label: str, text: str, code: str = "22P02") -> DatabaseError:
    return DatabaseError(code, f'invalid input syntax for type {type_label}: "{text}"')


def _integer(type_label: str, bits: int) -> Callable[[str, Modifier], int]:
    def parse(text: str, _: Modifier) -> int:
        digits = text.strip(_SPACE)
        if not re.fullmatch(r"[+-]?[0-9]+", digits):
            raise _invalid(type_label, text)
        number = int(digits) if len(digits) < 64 else 1 << 64
        if not -(1 << bits - 1) <= number < 1 << bits - 1:
            raise DatabaseError("22003", f'value "{text}" is out of range for type {type_label}')
        return number

    return parse


def _float8(text: str, _: Modifier) -> float:
    return _float(text, "double precision", 1.7976931348623157e308, 5e-324)


def _float4(text: str, _: Modifier) -> float:
    number = _float(text, "real", 3.4028235677973366e38, 7.006492321624085e-46)
    if math.isnan(number) or math.isinf(number):
        return number
    single = struct.unpack("f", struct.pack("f", number))[0]
    shortest = (float(f"{single:.{digits}g}") for digits in range(6, 10))
    return next(short for short in shortest if struct.pack("f", short) == struct.pack("f", single))


def _float(text: str, type_label: str, greatest: float, least: float) -> float:
    word = text.strip(_SPACE).lower()
    if word in ("nan", "infinity", "inf", "-infinity", "-inf", "+infinity", "+inf"):
        return float(word)
    if re.fullmatch(r"[+-]?0x[0-9a-f]+(\.[0-9a-f]*)?(p[+-]?[0-9]{1,4})?", word):
        return float.fromhex(word)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", word):
        raise _invalid(type_label, text)
    number = float(word)
    is_lost = abs(number) < least and Decimal(word) != 0
    if abs(number) > greatest or is_lost:
        raise DatabaseError("22003", f'"{text}" is out of range for type {type_label}')
    return number


_NUMERIC_EXPONENT_MAX = 131_071


def _numeric(text: str, modifier: Modifier) -> Decimal:
    word = text.strip(_SPACE)
    shape = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,12})?|nan|[+-]?inf(inity)?"
    if not re.fullmatch(shape, word, re.IGNORECASE):
        raise _invalid("numeric", text)
    try:
        number = Decimal(word)
        is_huge = number.is_finite() and abs(number.adjusted()) > _NUMERIC_EXPONENT_MAX
    except InvalidOperation:
        is_huge = True
    if is_huge:
        raise DatabaseError("22003", "value overflows numeric format")
    number = abs(number) if number.is_zero() else number
    return _to_precision(number, modifier) if modifier and not number.is_nan() else number


def _to_precision(number: Decimal, modifier: Modifier) -> Decimal:
    precision, scale = (*modifier, 0)[:2]
    if number.is_infinite():
        raise DatabaseError(
            "22003",
            "numeric field overflow",
            f"A field with precision {precision}, scale {scale} cannot hold an infinite value.",
        )
    try:
        rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        fits = abs(rounded) < Decimal(10) ** (precision - scale)
    except InvalidOperation:
        fits = False
    if not fits:
        raise DatabaseError(
            "22003",
            "numeric field overflow",
            f"A field with precision {precision}, scale {scale} must round to an absolute value "
            f"less than {'1' if precision == scale else f'10^{precision - scale}'}.",
        )
    return rounded


_TRUE = ("t", "tr", "tru", "true", "y", "ye", "yes", "on", "1")
_FALSE = ("f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0")


def _bool(text: str, _: Modifier) -> bool:
    word = text.strip(_SPACE).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _invalid("boolean", text)


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
        raise _invalid("uuid", text)
    return str(uuid.UUID(inner.replace("-", "")))


def _json(text: str, _: Modifier) -> Any:
    return parse_json(text, is_binary=False)


def _jsonb(text: str, _: Modifier) -> Any:
    return parse_json(text)


def _plain(parse: Callable[[str], Value]) -> Callable[[str, Modifier], Value]:
    """A type whose brackets, if any, change nothing here."""
    return lambda text, _: parse(text)


def _bytea(text: str, _: Modifier) -> str:
    if not text.startswith("\\x"):
        return "\\x" + _unescape(text).hex()
    digits = "".join(text[2:].split())
    for digit in digits:
        if digit not in "0123456789abcdefABCDEF":
            raise DatabaseError("22023", f'invalid hexadecimal digit: "{digit}"')
    if len(digits) % 2:
        raise DatabaseError("22023", "invalid hexadecimal data: odd number of digits")
    return "\\x" + digits.lower()


def _unescape(text: str) -> bytes:
    if re.search(r"\\(?![0-3][0-7]{2}|\\)", text.replace("\\\\", "")):
        raise DatabaseError("22P02", "invalid input syntax for type bytea")
    pieces = re.split(rb"(\\[0-3][0-7]{2}|\\\\)", text.encode())
    return b"".join(_octet(piece) if piece.startswith(b"\\") else piece for piece in pieces)


def _octet(escape: bytes) -> bytes:
    return b"\\" if escape == b"\\\\" else bytes([int(escape[1:], 8)])


def _inet(text: str, _: Modifier) -> str:
    try:
        if "%" in text or text != text.strip():
            raise ValueError
        address = ipaddress.ip_interface(_padded(text))
    except ValueError:
        raise _invalid("inet", text) from None
    whole = address.network.prefixlen == address.max_prefixlen
    shown = str(address.ip)
    mapped = getattr(address.ip, "ipv4_mapped", None)
    if mapped is not None:
        shown = f"::ffff:{mapped}"
    return shown if whole else f"{shown}/{address.network.prefixlen}"


def _padded(text: str) -> str:
    """An IPv4 network may leave out the bytes that are not its own: `192.168/16`."""
    address, slash, length = text.partition("/")
    missing = 3 - address.count(".")
    if not slash or ":" in address or not missing or not address:
        return text
    return address + ".0" * missing + slash + length


# Arrays.


def _cast_items(element: str, items: list[Any], modifier: Modifier, explicit: bool) -> list[Value]:
    return [
        _cast_items(element, item, modifier, explicit)
        if isinstance(item, list)
        else None
        if item is None
        else cast(element, item, modifier, explicit)
        for item in items
    ]


def _array_output(type_name: str, value: list[Value]) -> str:
    is_nested = type_name not in ("_json", "_jsonb")
    return array_text(
        [
            _array_output(type_name, item)
            if is_nested and isinstance(item, list)
            else item_text(None if item is None else output(type_name[1:], item))
            for item in value
        ]
    )


_TYPES = {
    kind.name: kind
    for kind in (
        Type("int2", "smallint", _integer("smallint", 16), "N"),
        Type("int4", "integer", _integer("integer", 32), "N"),
        Type("int8", "bigint", _integer("bigint", 64), "N"),
        Type("float4", "real", _float4, "N"),
        Type("float8", "double precision", _float8, "N"),
        Type("numeric", "numeric", _numeric, "N"),
        Type("bool", "boolean", _bool, "B"),
        Type("text", "text", _text, "S"),
        Type("varchar", "character varying", _bounded("character varying", False), "S"),
        Type("bpchar", "character", _bounded("character", True), "S"),
        Type("uuid", "uuid", _uuid, "uuid"),
        Type("json", "json", _json, "json"),
        Type("jsonb", "jsonb", _jsonb, "jsonb"),
        Type("date", "date", _plain(parse_date), "D"),
        Type("time", "time without time zone", _plain(parse_time), "time"),
        Type("timestamp", "timestamp without time zone", _plain(parse_timestamp), "D"),
        Type("timestamptz", "timestamp with time zone", _plain(parse_timestamptz), "D"),
        Type("interval", "interval", _plain(parse_interval), "interval"),
        Type("bytea", "bytea", _bytea, "bytea"),
        Type("inet", "inet", _inet, "inet"),
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


def round_to_integer(number: Decimal | float) -> int:
    """As Postgres assigns a fraction to an integer: numeric away from zero, float to even."""
    rule = ROUND_HALF_UP if isinstance(number, Decimal) else ROUND_HALF_EVEN
    return int(Decimal(number).quantize(Decimal(1), rule))
