"""JSON as Go's encoder and decoder write and read it: what clients of Toxiproxy compare."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from json import JSONDecodeError, JSONDecoder
from typing import Any

from harness.toxiproxy.errors import ApiError, bad_body

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}

# What Python's decoder complains of → how Go words it about the character there.
_SYNTAX = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": (
        "looking for beginning of object key string"
    ),
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after element",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
    "Invalid control character at": "in string literal",
}


class Number(str):
    """A number as it was written: Go tells 1 from 1.0 and from 1e0."""

    __slots__ = ()


def _no_constant(literal: str) -> Any:
    raise bad_body(_invalid(literal[0], "looking for beginning of value"))


_DECODER = JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_constant)


def decode_first(body: bytes) -> Any:
    """The first JSON value of a body; what follows it is ignored. Numbers are `Number`s.

    Raises `ApiError` 400.
    """
    text = _LONE_SURROGATE.sub("�", body.decode(errors="replace")).lstrip(" \t\r\n")
    if not text:
        raise bad_body("EOF")
    try:
        return _DECODER.raw_decode(text)[0]
    except JSONDecodeError as error:
        raise _syntax_error(error) from None
    except RecursionError:
        raise bad_body("exceeded max depth") from None


def encode(value: Any) -> str:
    """Compact JSON, with `<`, `>`, `&` and the line separators escaped and the rest raw."""
    match value:
        case Mapping():
            members = (f"{encode(key)}:{encode(member)}" for key, member in value.items())
            return "{" + ",".join(members) + "}"
        case str():
            clean = _LONE_SURROGATE.sub("�", value)
            return json.dumps(clean, ensure_ascii=False).translate(_ESCAPED)
        case Sequence():
            return "[" + ",".join(map(encode, value)) + "]"
        case float():
            return _encode_float(value)
        case _:
            return json.dumps(value)


def to_float32(value: float) -> float:
    """The shortest decimal that gives the same single-precision number.

    Raises `OverflowError` beyond single precision.
    """
    single = _single(value)
    for digits in range(1, 9):
        short = float(f"{single:.{digits}g}")
        # Rounded up, the largest numbers are out of range.
        with suppress(OverflowError):
            if _single(short) == single:
                return short
    return float(f"{single:.9g}")


def _single(value: float) -> float:
    single: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return single


def _encode_float(value: float) -> str:
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent):+d}" if e else mantissa


def _syntax_error(error: JSONDecodeError) -> ApiError:
    at, text = error.pos, error.doc
    if error.msg == "Invalid \\escape":
        at += 1
    if at >= len(text) or error.msg.startswith("Unterminated string"):
        return bad_body("unexpected EOF")
    message = error.msg.removesuffix(": ")
    return bad_body(_invalid(text[at], _SYNTAX.get(message, message)))


def _invalid(char: str, where: str) -> str:
    quoted = {"'": r"'\''", '"': "'\"'"}.get(char, f"'{char}'")
    return f"invalid character {quoted} {where}"
