"""One request and its answer, byte for byte."""

from __future__ import annotations

import zlib

import pytest

from fake_server.http import Request, Response
from fake_server.http.exchange import BODY_BYTES_MAX, Exchange
from fake_server.http.head import BrokenRequest

NOW_S = 1_800_000_000.0


def exchanged(*data: bytes) -> tuple[Exchange, Request]:
    exchange = Exchange("id")
    requests = [exchange.receive(each) for each in data]
    assert requests[:-1] == [None] * (len(data) - 1)
    request = requests[-1]
    assert request is not None
    return exchange, request


def get(*headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} /a?b HTTP/1.1", "host: h", *headers, "", ""]).encode()


def test_an_answer_is_written_as_cowboy_writes_it() -> None:
    exchange, _ = exchanged(get())
    sent = exchange.respond(Response(404, {"x-request-id": "id", "cache-control": "no"}), NOW_S)
    assert sent == (
        b"HTTP/1.1 404 Not Found\r\ncache-control: no\r\ncontent-length: 0\r\n"
        b"date: Fri, 15 Jan 2027 08:00:00 GMT\r\nserver: Cowboy\r\nvary: accept-encoding\r\n"
        b"x-request-id: id\r\n\r\n"
    )
    assert exchange.keeps_alive


@pytest.mark.parametrize(
    "body",
    [
        b"content-length: 5\r\n\r\nhello",
        b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
)
def test_a_body_is_whole_however_it_comes(body: bytes) -> None:
    data = b"POST / HTTP/1.1\r\nhost: h\r\n" + body
    _, request = exchanged(*(data[i : i + 1] for i in range(len(data))))
    assert request.body == b"hello"


def test_of_repeated_headers_all_values_are_kept() -> None:
    _, request = exchanged(get("X-A: 1", "x-a: 2"))
    assert request.headers["x-a"] == "1, 2"


def test_a_head_request_is_told_the_length_and_not_the_body() -> None:
    exchange, _ = exchanged(get(method="HEAD"))
    sent = exchange.respond(Response(200, body=b"hello"), NOW_S)
    assert b"content-length: 5\r\n" in sent
    assert sent.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("accepted", "length", "compressed"),
    [("gzip, br", 300, True), ("gzip", 299, False), ("identity", 300, False)],
)
def test_from_300_bytes_on_a_body_is_compressed_for_who_takes_it(
    accepted: str, length: int, compressed: bool
) -> None:
    body = b"x" * length
    exchange, _ = exchanged(get(f"accept-encoding: {accepted}"))
    head, _, sent = exchange.respond(Response(200, body=body), NOW_S).partition(b"\r\n\r\n")
    assert (b"content-encoding: gzip" in head) is compressed
    assert (zlib.decompress(sent, wbits=31) if compressed else sent) == body
    assert f"content-length: {len(sent)}".encode() in head


def test_who_asks_to_close_is_told_that_it_closes() -> None:
    exchange, _ = exchanged(get("connection: close"))
    assert b"connection: close" in exchange.respond(Response(202), NOW_S).lower()
    assert not exchange.keeps_alive


def test_who_waits_for_a_continue_gets_it_once() -> None:
    exchange = Exchange("id")
    head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    assert exchange.receive(head) is None
    assert exchange.interim().startswith(b"HTTP/1.1 100 ")
    assert exchange.interim() == b""
    assert exchange.receive(b"ok") is not None


def test_a_body_over_the_bound_is_refused_before_it_is_kept() -> None:
    told = f"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode()
    with pytest.raises(BrokenRequest) as broken:
        Exchange("id").receive(told)
    assert broken.value.status == 413
    exchange = Exchange("id")
    exchange.receive(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"%x\r\n" % BODY_BYTES_MAX + b"x" * BODY_BYTES_MAX + b"\r\n"
    assert exchange.receive(chunk) is None
    with pytest.raises(BrokenRequest) as broken:
        exchange.receive(b"1\r\nx\r\n")
    assert broken.value.status == 413


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: h\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_a_bad_request(data: bytes) -> None:
    with pytest.raises(BrokenRequest) as broken:
        Exchange("id").receive(data)
    assert broken.value.status == 400
