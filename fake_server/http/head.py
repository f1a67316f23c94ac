"""The head of a request as Cowboy bounds it, and whether it asks for a WebSocket; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

REQUEST_LINE_BYTES_MAX = 8000
HEADER_VALUE_BYTES_MAX = 4096
HEADER_NAME_BYTES_MAX = 64
HEADERS_MAX = 100
METHOD_BYTES_MAX = 32
HEAD_BYTES_MAX = REQUEST_LINE_BYTES_MAX + HEADERS_MAX * (
    HEADER_NAME_BYTES_MAX + HEADER_VALUE_BYTES_MAX + 8
)
_REQUEST_LINE = re.compile(rb"([^\s]+) [^\s]+ HTTP/(\d\.\d)")


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

    Raises `BrokenRequest` as soon as a bound is passed (`protocol.md §1.3`), or 400, 501 and 505
    for a request line that is none, and 400 where HTTP/1.1 names no host.
    """
    text, end, _ = data.partition(b"\r\n\r\n")
    line, *fields = text.split(b"\r\n")
    if len(line) > REQUEST_LINE_BYTES_MAX:
        raise BrokenRequest(414)
    if len(fields) > HEADERS_MAX:
        raise BrokenRequest(431)
    is_upgrade = names_host = False
    for header in fields:
        name, _, value = header.partition(b":")
        if len(name) > HEADER_NAME_BYTES_MAX or len(value.strip()) > HEADER_VALUE_BYTES_MAX:
            raise BrokenRequest(431)
        is_upgrade |= name.lower() == b"connection" and b"upgrade" in value.lower()
        names_host |= name.lower() == b"host"
    if not end:
        return None
    version = _version(line)
    if version == b"1.1" and not names_host:
        raise BrokenRequest(400)
    return Head(is_upgrade and line.startswith(b"GET ") and version == b"1.1")


def _version(line: bytes) -> bytes:
    parsed = _REQUEST_LINE.fullmatch(line)
    if parsed is None:
        raise BrokenRequest(400)
    method, version = parsed.groups()
    if len(method) > METHOD_BYTES_MAX:
        raise BrokenRequest(501)
    if version not in (b"1.0", b"1.1"):
        raise BrokenRequest(505)
    return version
