"""Numbers of Postgres' types: read within their bounds, rounded, and printed."""

from __future__ import annotations

import math
import re
import struct
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation

from fake_server.database.errors import DatabaseError, invalid_syntax

SPACE = " \t\n\r\v\f"
"""What Postgres strips around a number and a truth value."""
_NUMERIC_EXPONENT_MAX = 131_071
_FLOAT_DIGITS = {"float4": 6, "float8": 15}


def parse_integer(text: str, type_label: str, bits: int) -> int:
    """Read an integer of so many bits. Raises `DatabaseError` 22P02 and 22003."""
    digits = text.strip(SPACE)
    if not re.fullmatch(r"[+-]?[0-9]+", digits):
        raise invalid_syntax(type_label, text)
    number = int(digits) if len(digits) < 64 else 1 << 64
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise DatabaseError("22003", f'value "{text}" is out of range for type {type_label}')
    return number


def parse_float8(text: str) -> float:
    """Read a double. Raises `DatabaseError` 22P02 and 22003."""
    return _float(text, "double precision", 1.7976931348623157e308, 5e-324)


def parse_float4(text: str) -> float:
    """Read a float: the shortest number that is the same in 32 bits. Raises `DatabaseError` 22P02
    and 22003."""
    number = _float(text, "real", 3.4028235677973366e38, 7.006492321624085e-46)
    if math.isnan(number) or math.isinf(number):
        return number
    single = struct.unpack("f", struct.pack("f", number))[0]
    shortest = (float(f"{single:.{digits}g}") for digits in range(6, 10))
    return next(short for short in shortest if struct.pack("f", short) == struct.pack("f", single))


def _float(text: str, type_label: str, greatest: float, least: float) -> float:
    word = text.strip(SPACE).lower()
    if word in ("nan", "infinity", "inf", "-infinity", "-inf", "+infinity", "+inf"):
        return float(word)
    if re.fullmatch(r"[+-]?0x[0-9a-f]+(\.[0-9a-f]*)?(p[+-]?[0-9]{1,4})?", word):
        return float.fromhex(word)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", word):
        raise invalid_syntax(type_label, text)
    number = float(word)
    is_lost = abs(number) < least and Decimal(word) != 0
    if abs(number) > greatest or is_lost:
        raise DatabaseError("22003", f'"{text}" is out of range for type {type_label}')
    return number


def parse_numeric(text: str, precision: tuple[int, ...] = ()) -> Decimal:
    """Read a decimal, with this precision and scale if given. Raises `DatabaseError` 22P02 and
    22003."""
    word = text.strip(SPACE)
    shape = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,12})?|nan|[+-]?inf(inity)?"
    if not re.fullmatch(shape, word, re.IGNORECASE):
        raise invalid_syntax("numeric", text)
    try:
        number = Decimal(word)
        is_huge = number.is_finite() and abs(number.adjusted()) > _NUMERIC_EXPONENT_MAX
    except InvalidOperation:
        is_huge = True
    if is_huge:
        raise DatabaseError("22003", "value overflows numeric format")
    number = abs(number) if number.is_zero() else number
    return _to_precision(number, precision) if precision and not number.is_nan() else number


def _to_precision(number: Decimal, modifier: tuple[int, ...]) -> Decimal:
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


def float_text(value: float, type_name: str) -> str:
    """A float as Postgres prints it: with an exponent where it is long, or below 0.0001."""
    if not math.isfinite(value) or value == 0:
        return "-0" if math.copysign(1, value) < 0 == value else number_text(value)
    sign, figures, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    point = len(figures) + exponent - 1
    if -5 < point < _FLOAT_DIGITS[type_name]:
        return format(Decimal((sign, figures, exponent)), "f")
    text = "".join(map(str, figures))
    mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
    return f"{'-' if sign else ''}{mantissa}e{'+' if point >= 0 else '-'}{abs(point):02}"


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


def round_to_integer(number: Decimal | float) -> int:
    """As Postgres assigns a fraction to an integer: numeric away from zero, float to even."""
    rule = ROUND_HALF_UP if isinstance(number, Decimal) else ROUND_HALF_EVEN
    return int(Decimal(number).quantize(Decimal(1), rule))
