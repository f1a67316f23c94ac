"""The head of a request, and the bounds that Cowboy gives it."""

from __future__ import annotations

import pytest

from fake_server.http.head import (
    HEADER_NAME_BYTES_MAX,
    HEADER_VALUE_BYTES_MAX,
    HEADERS_MAX,
    METHOD_BYTES_MAX,
    REQUEST_LINE_BYTES_MAX,
    BrokenRequest,
    Head,
    read_head,
)

LINE = b"GET / HTTP/1.1"


def line_of(length: int) -> bytes:
    return b"GET /" + b"x" * (length - len(LINE)) + b" HTTP/1.1"


def head(*headers: bytes, line: bytes = LINE) -> bytes:
    return b"\r\n".join([line, b"host: a", *headers, b"", b""])


def status(data: bytes) -> int:
    with pytest.raises(BrokenRequest) as broken:
        read_head(data)
    return broken.value.status


def test_a_head_is_there_when_its_last_line_is() -> None:
    whole = head()
    assert [read_head(whole[:end]) for end in range(len(whole))] == [None] * len(whole)
    assert read_head(whole) == Head(is_upgrade=False)
    assert read_head(whole + b"more") == Head(is_upgrade=False)


@pytest.mark.parametrize(
    ("data", "is_upgrade"),
    [
        (head(b"Connection: Upgrade"), True),
        (head(b"connection: keep-alive, upgrade"), True),
        (head(b"connection: keep-alive"), False),
        (head(b"upgrade: websocket"), False),
        (head(b"connection: upgrade", line=b"POST / HTTP/1.1"), False),
        (head(b"connection: upgrade", line=b"GET / HTTP/1.0"), False),
    ],
)
def test_an_upgrade_is_a_get_that_says_so(data: bytes, is_upgrade: bool) -> None:
    assert read_head(data) == Head(is_upgrade)


def test_each_bound_may_be_reached_and_not_passed() -> None:
    at_most = [
        head(line=line_of(REQUEST_LINE_BYTES_MAX)),
        head(b"a: " + b"x" * HEADER_VALUE_BYTES_MAX),
        head(b"a" * HEADER_NAME_BYTES_MAX + b": x"),
        head(*[b"a: x"] * (HEADERS_MAX - 1)),
    ]
    assert all(map(read_head, at_most))
    assert status(head(line=line_of(REQUEST_LINE_BYTES_MAX + 1))) == 414
    assert status(head(b"a: " + b"x" * (HEADER_VALUE_BYTES_MAX + 1))) == 431
    assert status(head(b"a" * (HEADER_NAME_BYTES_MAX + 1) + b": x")) == 431
    assert status(head(*[b"a: x"] * HEADERS_MAX)) == 431


def test_who_names_no_host_speaks_http_1_0() -> None:
    assert status(LINE + b"\r\n\r\n") == 400
    assert read_head(b"GET / HTTP/1.0\r\n\r\n") == Head(is_upgrade=False)


def test_a_bound_is_passed_before_the_end_has_come() -> None:
    """Else a client could make the server keep any number of bytes."""
    assert status(b"GET /" + b"x" * REQUEST_LINE_BYTES_MAX) == 414
    assert status(LINE + b"\r\na: " + b"x" * (HEADER_VALUE_BYTES_MAX + 1)) == 431


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"nonsense", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"X" * (METHOD_BYTES_MAX + 1) + b" / HTTP/1.1", 501),
    ],
)
def test_a_line_that_is_no_request_is_refused(line: bytes, expected: int) -> None:
    assert status(head(line=line)) == expected
