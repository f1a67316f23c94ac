"""Bytes as text: `\\x0aff`, and the older form with octal escapes."""

from __future__ import annotations

import re

from fake_server.database.errors import DatabaseError


def parse_bytea(text: str) -> str:
    """The bytes in hexadecimal, after `\\x`. Raises `DatabaseError` 22023 and 22P02."""
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
