"""The head of a request as Cowboy bounds it, and whether it asks for a WebSocket; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

REQUEST_LINE_BYTES_MAX = 8000
HEADER_VALUE_BYTES_MAX = 4096
HEADER_NAME_BYTES_MAX = 64
HEADERS_MAX = 100
HEAD_BYTES_MAX = REQUEST_LINE_BYTES_MAX + HEADERS_MAX * (
    HEADER_NAME_BYTES_MAX + HEADER_VALUE_BYTES_MAX + 8
)
_REQUEST_LINE = re.compile(rb"[^\s]+ [^\s]+ HTTP/(\d\.\d)")


class BrokenRequest(Exception):
    """A request that is answered with this bare status, after which the connection ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """A whole head."""

    is_upgrade: bool


def read_head(data: bytes) -> Head | None:
    """The head at the start of `data`, None while it is not all there.

    Raises `BrokenRequest` as soon as a bound is passed (`protocol.md §1.3`), or 400 and 505 for a
    request line that is none.
    """
    text, end, _ = data.partition(b"\r\n\r\n")
    line, *fields = text.split(b"\r\n")
    if len(line) > REQUEST_LINE_BYTES_MAX:
        raise BrokenRequest(414)
    if len(fields) > HEADERS_MAX:
        raise BrokenRequest(431)
    is_upgrade = False
    for header in fields:
        name, _, value = header.partition(b":")
        if len(name) > HEADER_NAME_BYTES_MAX or len(value.strip()) > HEADER_VALUE_BYTES_MAX:
            raise BrokenRequest(431)
        is_upgrade |= name.lower() == b"connection" and b"upgrade" in value.lower()
    if not end:
        return None
    _check_line(line)
    return Head(is_upgrade and line.startswith(b"GET "))


def _check_line(line: bytes) -> None:
    parsed = _REQUEST_LINE.fullmatch(line)
    if parsed is None:
        raise BrokenRequest(400)
    if parsed[1] not in (b"1.0", b"1.1"):
        raise BrokenRequest(505)
