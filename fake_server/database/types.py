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
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from fake_server.database.errors import DatabaseError
from fake_server.database.intervals import interval_microseconds, parse_interval

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
    if type_name.startswith("_"):
        return _parse_array(type_name, text, modifier, explicit)
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
        items = (
            output(type_name, item)
            if isinstance(item, list)
            else _array_item(output(type_name[1:], item), item)
            for item in value
        )
        return "{" + ",".join(items) + "}"
    if type_name == "bool":
        return "t" if value else "f"
    if type_name in ("json", "jsonb"):
        return json_text(value)
    if type_name in ("timestamptz", "timestamp"):
        return str(value).replace("T", " ", 1).removesuffix(":00") if value else ""
    return number_text(value) if isinstance(value, int | float | Decimal) else str(value)


def order_key(type_name: str, value: Value) -> Any:
    """Orders and equates values of one type as Postgres does; NaN is the greatest number."""
    if type_name.startswith("_"):
        return [order_key(type_name[1:], item) for item in value]
    if type_name in ("json", "jsonb"):
        return json_text(value)
    if type_name == "interval":
        return interval_microseconds(value)
    if type_name == "inet":
        address = ipaddress.ip_interface(value)
        return (address.version, int(address.network.network_address), int(address.ip))
    if isinstance(value, float | Decimal):
        return (1, 0) if math.isnan(value) else (0, value)
    return (0, value) if isinstance(value, int) else value


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
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        pairs = (f"{json_text(key)}{colon}{json_text(value[key], spaced)}" for key in keys)
        return "{" + comma.join(pairs) + "}"
    if isinstance(value, list):
        return "[" + comma.join(json_text(item, spaced) for item in value) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if math.isnan(value) or math.isinf(value):
        return "null"
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else number_text(value)


def parse_json(text: str) -> Any:
    """Read JSON without losing digits. Raises `DatabaseError` 22P02."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _invalid_json(_json_complaint(text, error.pos)) from None
    except (ValueError, RecursionError):
        raise _invalid_json(None) from None


def timestamp_text(now_s: float) -> str:
    """A moment (seconds since the epoch) as `timestamptz`, to the microsecond."""
    microseconds = round(now_s * 1_000_000)
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return _iso(moment.replace(microsecond=microseconds % 1_000_000))


# How each type reads its text.


def _invalid_json(details: str | None) -> DatabaseError:
    return DatabaseError("22P02", "invalid input syntax for type json", details)


def _json_complaint(text: str, at: int) -> str:
    token = re.compile(r"\s*(\w+|.)", re.DOTALL).match(text, at)
    if token is None:
        return "The input string ended unexpectedly."
    return f'Token "{token[1]}" is invalid.'


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _invalid(type_label: str, text: str, code: str = "22P02") -> DatabaseError:
    return DatabaseError(code, f'invalid input syntax for type {type_label}: "{text}"')


def _integer(type_label: str, bits: int) -> Callable[[str, Modifier], int]:
    def parse(text: str, _: Modifier) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", text.strip()):
            raise _invalid(type_label, text)
        number = int(text) if len(text) < 64 else 1 << 64
        if not -(1 << bits - 1) <= number < 1 << bits - 1:
            raise DatabaseError("22003", f'value "{text}" is out of range for type {type_label}')
        return number

    return parse


def _float8(text: str, _: Modifier) -> float:
    return _float(text, "double precision", 1.7976931348623157e308)


def _float4(text: str, _: Modifier) -> float:
    number = _float(text, "real", 3.4028235677973366e38)
    if math.isnan(number) or math.isinf(number):
        return number
    single = struct.unpack("f", struct.pack("f", number))[0]
    shortest = (float(f"{single:.{digits}g}") for digits in range(6, 10))
    return next(short for short in shortest if struct.pack("f", short) == struct.pack("f", single))


def _float(text: str, type_label: str, greatest: float) -> float:
    word = text.strip().lower()
    if word in ("nan", "infinity", "inf", "-infinity", "-inf", "+infinity", "+inf"):
        return float(word)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", word):
        raise _invalid(type_label, text)
    number = float(word)
    if abs(number) > greatest:
        raise DatabaseError("22003", f'"{text}" is out of range for type {type_label}')
    return number


_NUMERIC_EXPONENT_MAX = 131_071


def _numeric(text: str, modifier: Modifier) -> Decimal:
    word = text.strip()
    shape = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|nan|[+-]?inf(inity)?"
    if not re.fullmatch(shape, word, re.IGNORECASE):
        raise _invalid("numeric", text)
    number = Decimal(word)
    if number.is_finite() and abs(number.adjusted()) > _NUMERIC_EXPONENT_MAX:
        raise DatabaseError("22003", "value overflows numeric format")
    return _to_precision(number, modifier) if modifier and not number.is_nan() else number


def _to_precision(number: Decimal, modifier: Modifier) -> Decimal:
    precision, scale = (*modifier, 0)[:2]
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
    word = text.strip().lower()
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


def _uuid(text: str, _: Modifier) -> str:
    digits = re.sub(r"(?<=.)-(?=.)", "", text.strip().strip("{}"))
    if not re.fullmatch(r"[0-9a-fA-F]{32}", digits):
        raise _invalid("uuid", text)
    return str(uuid.UUID(digits))


def _json(text: str, _: Modifier) -> Any:
    return parse_json(text)


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


def _moment(text: str, type_label: str) -> datetime:
    """A date with or without time and zone. Raises 22007 for its shape, 22008 for its range."""
    word = text.strip()
    try:
        return datetime.fromisoformat(word)
    except ValueError:
        pass
    if re.match(r"[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9:.]+)?([+-][0-9:]+|Z)?$", word):
        raise _out_of_range(text, _exceeds_the_calendar(word))
    raise _invalid(type_label, text, "22007")


def _out_of_range(text: str, may_be_swapped: bool = False) -> DatabaseError:
    hint = 'Perhaps you need a different "datestyle" setting.' if may_be_swapped else None
    message = f'date/time field value out of range: "{text}"'
    return DatabaseError("22008", message, hint=hint)


def _exceeds_the_calendar(word: str) -> bool:
    """Whether the month or the day is one that no calendar has."""
    _, month, day = (int(part) for part in re.findall("[0-9]+", word)[:3])
    return not (1 <= month <= 12 and 1 <= day <= 31)


def _fraction(text: str, moment: datetime | time) -> str:
    """ISO text whose fraction has no trailing zeros, as Postgres prints it."""
    return text.rstrip("0").rstrip(".") if moment.microsecond else text


def _iso(moment: datetime) -> str:
    plain = moment.replace(tzinfo=None).isoformat()
    zone = "" if moment.tzinfo is None else "+00:00"
    return _fraction(plain, moment) + zone


def _timestamptz(text: str, _: Modifier) -> str:
    if text.strip().lower() in ("infinity", "-infinity"):
        return text.strip().lower()
    moment = _moment(text, "timestamp with time zone")
    return _iso((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))


def _timestamp(text: str, _: Modifier) -> str:
    if text.strip().lower() in ("infinity", "-infinity"):
        return text.strip().lower()
    return _iso(_moment(text, "timestamp").replace(tzinfo=None))


def _date(text: str, _: Modifier) -> str:
    moment = _moment(text, "date")
    return date(moment.year, moment.month, moment.day).isoformat()


def _time(text: str, _: Modifier) -> str:
    try:
        moment = time.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{1,2}(:[0-9.]+)?", text.strip()):
            raise _out_of_range(text) from None
        raise _invalid("time", text, "22007") from None
    return _fraction(moment.isoformat(), moment)


def _interval(text: str, _: Modifier) -> str:
    parsed = parse_interval(text)
    if parsed is None:
        raise _invalid("interval", text, "22007")
    return parsed


def _inet(text: str, _: Modifier) -> str:
    try:
        address = ipaddress.ip_interface(text.strip())
    except ValueError:
        raise _invalid("inet", text) from None
    whole = address.network.prefixlen == address.max_prefixlen
    return str(address.ip) if whole else str(address)


# Arrays.


def _parse_array(type_name: str, text: str, modifier: Modifier, explicit: bool) -> list[Value]:
    if not text.strip().startswith("{"):
        raise DatabaseError(
            "22P02",
            f'malformed array literal: "{text}"',
            'Array value must start with "{" or dimension information.',
        )
    items, end = _array_items(text.strip(), 1, text)
    if end != len(text.strip()):
        raise DatabaseError(
            "22P02", f'malformed array literal: "{text}"', "Junk after closing right brace."
        )
    return _cast_items(type_name[1:], items, modifier, explicit)


def _cast_items(element: str, items: list[Any], modifier: Modifier, explicit: bool) -> list[Value]:
    return [
        _cast_items(element, item, modifier, explicit)
        if isinstance(item, list)
        else None
        if item is None
        else cast(element, item, modifier, explicit)
        for item in items
    ]


_ARRAY_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{},]|(?:[^"\\{},\s]|\\.|\s+(?=[^{},\s]))+)\s*')


def _array_items(text: str, at: int, whole: str) -> tuple[list[Any], int]:
    """The items from `at` to the closing brace, and where it ends; quotes and escapes undone."""
    items: list[Any] = []
    expects_item = True
    while match := _ARRAY_TOKEN.match(text, at):
        token, at = match[1], match.end()
        if token == "}" and not (expects_item and items):
            return items, at
        if (token == ",") == expects_item or token == "}":
            break
        if token == "{":
            nested, at = _array_items(text, at, whole)
            items.append(nested)
        elif token != ",":
            items.append(_array_text(token))
        expects_item = token == ","
    raise DatabaseError("22P02", f'malformed array literal: "{whole}"', "Unexpected end of input.")


def _array_text(token: str) -> str | None:
    if token.upper() == "NULL":
        return None
    inner = token[1:-1] if token.startswith('"') else token
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def _array_item(text: str, value: Value) -> str:
    if value is None:
        return "NULL"
    plain = text and text.upper() != "NULL" and not re.search(r'[{}",\\\s]', text)
    return text if plain else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


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
        Type("jsonb", "jsonb", _json, "jsonb"),
        Type("date", "date", _date, "D"),
        Type("time", "time without time zone", _time, "time"),
        Type("timestamp", "timestamp without time zone", _timestamp, "D"),
        Type("timestamptz", "timestamp with time zone", _timestamptz, "D"),
        Type("interval", "interval", _interval, "interval"),
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
