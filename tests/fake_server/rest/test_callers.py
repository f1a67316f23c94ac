"""Who may ask, of which schema, by which method."""

from __future__ import annotations

import json

import pytest

from fake_server.tokens import sign
from tests.fake_server.rest.asking import NOW_S, Library


def test_the_gateway_wants_a_key() -> None:
    answer = Library().ask("GET", "books", apikey="")
    assert answer.status == 401
    assert json.loads(answer.body)["message"] == "No API key found in request"


def test_a_key_alone_is_a_token() -> None:
    assert Library().ask("GET", "books", authorization="").status == 200


@pytest.mark.parametrize(
    ("token", "code", "message"),
    [
        ("", "PGRST301", "Empty JWT is sent in Authorization header"),
        ("a.b", "PGRST301", "Expected 3 parts in JWT; got 2"),
        ("a.b.c", "PGRST301", "JWT couldn't be decoded"),
        (sign({"role": "anon"}, "x" * 40), "PGRST301", "No suitable key or wrong key type"),
    ],
)
def test_a_token_that_is_none_is_refused(token: str, code: str, message: str) -> None:
    library = Library()
    answer = library.ask("GET", "books", authorization=f"Bearer {token}")
    error = json.loads(answer.body)
    assert (answer.status, error["code"], error["message"]) == (401, code, message)
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize(
    ("claims", "code", "message"),
    [
        ({"exp": NOW_S - 31}, "PGRST303", "JWT expired"),
        ({"exp": "soon"}, "PGRST303", "The JWT 'exp' claim must be a number"),
        ({"nbf": NOW_S + 31}, "PGRST303", "JWT not yet valid"),
        ({"iat": NOW_S + 31}, "PGRST303", "JWT issued at future"),
        ({"role": "nobody"}, "22023", 'role "nobody" does not exist'),
    ],
)
def test_claims_that_do_not_hold_are_refused(
    claims: dict[str, object], code: str, message: str
) -> None:
    library = Library()
    given = {"role": "authenticated", **claims}
    token = library.token(**given)  # type: ignore[arg-type]
    answer = library.ask("GET", "books", authorization=f"Bearer {token}")
    error = json.loads(answer.body)
    assert (answer.status, error["code"], error["message"]) == (401, code, message)


def test_clocks_may_be_half_a_minute_apart() -> None:
    library = Library()
    token = library.token("authenticated", exp=NOW_S - 29)
    assert library.ask("GET", "books", authorization=f"Bearer {token}").status == 200


def test_nobody_becomes_the_owner() -> None:
    status, error = Library().refusal("GET", "books", role="postgres")
    assert (status, error["code"]) == (401, "42501")


def test_only_schemas_that_are_shown_can_be_named() -> None:
    library = Library()
    answer = library.ask("GET", "books", accept_profile="public")
    assert (answer.status, answer.headers["content-profile"]) == (200, "public")
    for method, header in (("GET", "accept_profile"), ("DELETE", "content_profile")):
        status, error = library.refusal(method, "books", **{header: "realtime"})
        assert (status, error["code"]) == (406, "PGRST106")
        assert error["hint"] == "Only the following schemas are exposed: public, graphql_public"


def test_methods_are_those_of_a_table() -> None:
    library = Library()
    status, error = library.refusal("TRACE", "books")
    assert (status, error["code"]) == (405, "PGRST117")
    assert library.ask("OPTIONS", "books").headers["allow"].startswith("OPTIONS,GET,HEAD,POST,PUT")


def test_the_root_describes_the_tables() -> None:
    described = json.loads(Library().ask("GET", "").body)
    assert "/books" in described["paths"]
    assert described["definitions"]["shelves"]["properties"] == {
        "id": {"format": "integer", "type": "integer"},
        "room": {"format": "text", "type": "string"},
    }
