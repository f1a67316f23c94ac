"""What Postgres says of a text that is no JSON: the first token that does not belong there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fake_server.database.errors import DatabaseError

_NESTING_MAX = 6_000
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_RUN = re.compile(r"[A-Za-z0-9_.+\-\u0080-\U0010ffff]+")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})')
_WORDS = ("true", "false", "null")
_END = ""


class _Refused(Exception):
    """The detail of the error."""


def check_json(text: str, is_binary: bool) -> None:
    """Raises `DatabaseError` for what `json` does not take, and what `jsonb` does not besides."""
    try:
        _document(_tokens(text))
    except _Refused as refused:
        message, details = "invalid input syntax for type json", str(refused)
        raise DatabaseError("22P02", message, details) from None
    if is_binary and re.search(r"(?<!\\)(?:\\\\)*\\u0000", text):
        raise DatabaseError(
            "22P05",
            "unsupported Unicode escape sequence",
            "\\u0000 cannot be converted to text.",
        )


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\n\r":
            at += 1
        if at >= len(text):
            yield _END
            continue
        token = _token(text, at)
        at += len(token)
        yield token


def _token(text: str, at: int) -> str:
    first = text[at]
    if first in "{}[],:":
        return first
    if first == '"':
        return _string(text, at)
    run = _RUN.match(text, at)
    if first == "-" or first.isdigit():
        number = run[0] if run is not None else first
        if _NUMBER.fullmatch(number):
            return number
        raise _Refused(f'Token "{number}" is invalid.')
    if run is None:
        raise _Refused(f'Token "{first}" is invalid.')
    if run[0] not in _WORDS:
        word = re.match(r"[A-Za-z0-9_\u0080-\U0010ffff]+", run[0])
        raise _Refused(f'Token "{word[0] if word else first}" is invalid.')
    return run[0]


def _string(text: str, at: int) -> str:
    end, waits = at + 1, False
    while end < len(text):
        character = text[end]
        if ord(character) < 32:
            raise _Refused(f"Character with value 0x{ord(character):02x} must be escaped.")
        escape = _ESCAPE.match(text, end) if character == "\\" else None
        if character == "\\" and escape is None:
            raise _Refused(_bad_escape(text, at, end))
        waits = _pair(escape[0] if escape is not None else character, waits)
        end += len(escape[0]) if escape is not None else 1
        if character == '"':
            return text[at:end]
    raise _Refused(f'Token "{text[at:]}" is invalid.')


def _pair(unit: str, waits: bool) -> bool:
    """Whether a high surrogate waits for its low one."""
    code = int(unit[2:], 16) if unit.startswith("\\u") else 0
    if 0xDC00 <= code <= 0xDFFF:
        if not waits:
            raise _Refused("Unicode low surrogate must follow a high surrogate.")
        return False
    if waits:
        raise _Refused("Unicode low surrogate must follow a high surrogate.")
    return 0xD800 <= code <= 0xDBFF


def _bad_escape(text: str, at: int, end: int) -> str:
    if end + 1 >= len(text):
        return f'Token "{text[at:]}" is invalid.'
    if text[end + 1] == "u":
        return '"\\u" must be followed by four hexadecimal digits.'
    return f'Escape sequence "{text[end : end + 2]}" is invalid.'


def _document(tokens: Iterator[str]) -> None:
    _value(tokens, next(tokens), 0)
    token = next(tokens)
    if token != _END:
        raise _Refused(f'Expected end of input, but found "{token}".')


def _value(tokens: Iterator[str], token: str, depth: int) -> None:
    if depth > _NESTING_MAX:
        raise DatabaseError("54001", "stack depth limit exceeded")
    if token == "{":
        _object(tokens, depth + 1)
    elif token == "[":
        _array(tokens, depth + 1)
    elif token in "}],:":
        raise _expected("JSON value", token)


def _object(tokens: Iterator[str], depth: int) -> None:
    token, expected = next(tokens), 'string or "}"'
    while token != "}":
        if not token.startswith('"'):
            raise _expected(expected, token)
        token = next(tokens)
        if token != ":":
            raise _expected('":"', token)
        _value(tokens, next(tokens), depth)
        token = next(tokens)
        if token == "}":
            return
        if token != ",":
            raise _expected('"," or "}"', token)
        token, expected = next(tokens), "string"
        if token == "}":
            raise _expected(expected, token)


def _array(tokens: Iterator[str], depth: int) -> None:
    token = next(tokens)
    while token != "]":
        _value(tokens, token, depth)
        token = next(tokens)
        if token == "]":
            return
        if token != ",":
            raise _expected('"," or "]"', token)
        token = next(tokens)
        if token == "]":
            raise _expected("JSON value", token)


def _expected(what: str, token: str) -> _Refused:
    if token == _END:
        return _Refused("The input string ended unexpectedly.")
    return _Refused(f'Expected {what}, but found "{token}".')
