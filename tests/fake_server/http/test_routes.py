"""The table of routes: which row answers a request, and what it is told of the path."""

from __future__ import annotations

import pytest

from fake_server.http import Answer, Request, Response, Route, Routes
from harness.protocol import MalformedMessage


def says(name: str) -> Route:
    method, _, pattern = name.partition(" ")

    def handle(request: Request, now_s: float) -> Answer:
        return Response(200, dict(request.params), name.encode())

    return Route(method, pattern, handle)


TABLE = Routes(
    [says("POST /api/things"), says("GET /api/:kind/of/:name"), says("* /files/*"), says("GET /")]
)


def asked(method: str, target: str) -> tuple[bytes, dict[str, str]] | None:
    answer = TABLE.answer(Request(method, target), 0)
    return (answer.body, dict(answer.headers)) if isinstance(answer, Response) else None


@pytest.mark.parametrize(
    ("method", "target", "row", "params"),
    [
        ("POST", "/api/things", "POST /api/things", {}),
        ("POST", "//api//things/?a=b", "POST /api/things", {}),
        ("GET", "/api/a%2Fb/of/c:d", "GET /api/:kind/of/:name", {"kind": "a/b", "name": "c:d"}),
        ("HEAD", "/api/a/of/b", "GET /api/:kind/of/:name", {"kind": "a", "name": "b"}),
        ("PATCH", "/files/a/b/c", "* /files/*", {}),
        ("GET", "/files", "* /files/*", {}),
        ("GET", "/", "GET /", {}),
    ],
)
def test_the_first_row_that_fits_answers(
    method: str, target: str, row: str, params: dict[str, str]
) -> None:
    assert asked(method, target) == (row.encode(), params)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/api/things"),
        ("POST", "/api/things/more"),
        ("GET", "/api/a/of"),
        ("GET", "/api/a/not/b"),
        ("GET", "/filesystem"),
    ],
)
def test_what_fits_no_row_has_no_answer(method: str, target: str) -> None:
    assert asked(method, target) is None


def test_a_request_tells_its_query_by_name_and_in_order() -> None:
    request = Request("GET", "/rest/v1/t?id=gt.1&id=lt.9&select=&q=%22a%20b%22")
    assert request.pairs == (("id", "gt.1"), ("id", "lt.9"), ("select", ""), ("q", '"a b"'))
    assert request.query["id"] == "lt.9"


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"{", "not JSON"), (b"\xff", "not UTF-8"), (b"[" * 100_000, "too deep"), (b"NaN", "not")],
)
def test_a_body_that_is_no_json_is_malformed(body: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        _ = Request("POST", "/", body=body).json


def test_secrets_in_a_request_are_not_in_its_text() -> None:
    request = Request("GET", "/?apikey=SECRET", {"apikey": "SECRET"}, b"SECRET")
    assert "SECRET" not in repr(request)
