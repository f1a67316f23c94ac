"""Filters as PostgREST reads them and Postgres decides them."""

from __future__ import annotations

import pytest

from tests.fake_server.rest.asking import Library

CHOSEN = [
    ("id=eq.1", [1]),
    ("id=neq.1", [2, 3]),
    ("pages=gt.204", [1]),
    ("pages=gte.204", [1, 2]),
    ("pages=lt.387", [2]),
    ("pages=lte.387", [1, 2]),
    ("price=eq.12.5", [1]),
    ("title=like.The*", [1, 3]),
    ("title=like.*%25of%25*", [3]),
    ("title=ilike.SOL*", [2]),
    ("title=match.^The", [1, 3]),
    ("title=imatch.SOLARIS$", [2]),
    ("id=in.(1,3,9)", [1, 3]),
    ("id=in.()", []),
    ('title=in.("Solaris","a,b")', [2]),
    ("pages=is.null", [3]),
    ("pages=not.is.null", [1, 2]),
    ("pages=is.not_null", [1, 2]),
    ("in_print=is.true", [2]),
    ("in_print=is.unknown", [1, 3]),
    ("in_print=not.is.TRUE", [1, 3]),
    ("pages=isdistinct.204", [1, 3]),
    ("pages=not.eq.204", [1]),
    ("tags=cs.{sf,utopia}", [1]),
    ("tags=cd.{sf}", [2]),
    ("tags=ov.{utopia,other}", [1]),
    ('about=cs.{"year":1961}', [2]),
    ("about->year=eq.1974", [1]),
    ("about->>year=eq.1974", [1]),
    ("about->prizes->>-1=eq.Nebula", [1]),
    ("about->place->>name=like.A*", [1]),
    ("id=eq(any).{1,2}", [1, 2]),
    ("id=gt(all).{1,2}", [3]),
    ("title=like(any).{The*,Sol*}", [1, 2, 3]),
    ("title=not.ilike(all).{*the*,*e*}", [2]),
    ("title=fts.dispossessed", [1]),
    ("title=fts(english).lathe%26!solaris", [3]),
    ("title=fts.lathe|solaris", [2, 3]),
    ("title=plfts.heaven the", [3]),
    ("title=phfts.lathe of", [3]),
    ("title=not.phfts.of lathe", [1, 2, 3]),
    ("title=wfts.the -heaven", [1]),
    ('title=wfts."lathe of" or solaris', [2, 3]),
    ("about=plfts.anarres", [1]),
    ("or=(id.eq.1,id.eq.2)", [1, 2]),
    ("or=(id.eq.1,and(id.gt.1,pages.is.null))", [1, 3]),
    ("and=(id.gt.1,id.lt.3)", [2]),
    ("not.and=(id.gt.1,id.lt.3)", [1, 3]),
    ("or=(id.eq.1,not.or(id.eq.1,id.eq.2))", [1, 3]),
    ('or=(title.eq."Solaris",id.in.(1))', [1, 2]),
    ("or=(tags.cs.{sf,utopia},pages.eq.204)", [1, 2]),
    ("or=(about->>year.eq.1961,id.eq.3)", [2, 3]),
    ("id=gt.1&id=lt.3", [2]),
]


@pytest.mark.parametrize(("query", "ids"), CHOSEN)
def test_a_filter_chooses_rows(query: str, ids: list[int]) -> None:
    assert Library().ids(f"books?select=id&order=id&{query}") == ids


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("id=eq.x", 400, "22P02", 'invalid input syntax for type bigint: "x"'),
        ("id=like.1*", 404, "42883", "operator does not exist: bigint ~~ unknown"),
        ("id=cs.{1}", 404, "42883", "operator does not exist: bigint @> unknown"),
        ("title=sl.(1,2)", 404, "42883", "operator does not exist: text << unknown"),
        ("id=adj.(1,2)", 404, "42883", "operator does not exist: bigint -|- unknown"),
        ("id=fts.x", 404, "42883", "operator does not exist: bigint @@ tsquery"),
        ("tags=cs.x", 400, "22P02", 'malformed array literal: "x"'),
        ("title=fts.a b", 400, "42601", 'syntax error in tsquery: "a b"'),
        (
            "title=is.true",
            400,
            "42804",
            "argument of IS TRUE must be type boolean, not type text",
        ),
        ("id=5", 400, "PGRST100", '"failed to parse filter (5)" (line 1, column 1)'),
        ("id=noop.5", 400, "PGRST100", '"failed to parse filter (noop.5)" (line 1, column 1)'),
        ("or=(id.eq.1", 400, "PGRST100", '"failed to parse logic tree ((id.eq.1)" (line 1, '),
        ("or=()", 400, "PGRST100", '"failed to parse logic tree (())" (line 1, column 4)'),
        ("order=id.up", 400, "PGRST100", '"failed to parse order (id.up)" (line 1, column 4)'),
        ("select=id,,", 400, "PGRST100", '"failed to parse select parameter (id,,)" (line 1, '),
        ("select=id(", 400, "PGRST100", '"failed to parse select parameter (id()" (line 1, '),
        ("id=in.1", 400, "PGRST100", '"failed to parse filter (in.1)" (line 1, column 4)'),
        ("id=is.maybe", 400, "PGRST100", '"failed to parse filter (is.maybe)" (line 1, column 4)'),
        ("title=eq.%00", 400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
    ],
)
def test_a_filter_that_cannot_be_is_refused(
    query: str, status: int, code: str, message: str
) -> None:
    """Also where there is no row to try it on."""
    for method in ("GET", "DELETE"):
        library = Library()
        library.ask("DELETE", "books?id=gt.0")
        refused, error = library.refusal(method, f"books?{query}")
        if method == "GET" or not query.startswith(("select", "order")):
            assert (refused, error["code"]) == (status, code)
            assert error["message"].startswith(message)
