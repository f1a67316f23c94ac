"""Whatever is asked of the tables, it is answered, and nothing is half written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.http import Request, Response
from tests.fake_server.rest.asking import ADA, NOW_S, Library

COLUMNS = ("id", "title", "pages", "price", "tags", "about", "in_print", "shelves", "by", "nope")
OPERATORS = (
    *("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is"),
    *("isdistinct", "cs", "cd", "ov", "sl", "sr", "nxl", "nxr", "adj", "fts", "plfts", "phfts"),
    *("wfts", "not.eq", "eq(any)", "like(all)", "fts(english)", "nope"),
)
SIGNS = (
    *("(", ")", ",", ".", ":", "::", "!", "->", "->>", "*", "...", '"', "\\", "{", "}", "[", "]"),
    *("|", "&", "%", "%00", "%ff", "#", "a", "1", "-1", "null", "and", "or", "not", "inner"),
)
PIECES = st.sampled_from((*SIGNS, *COLUMNS, *OPERATORS))
SOUP = st.lists(PIECES, max_size=12).map("".join)
VALUES = st.one_of(SOUP, st.sampled_from(("1", "{1,2}", "(1,2)", '{"a":1}', "null", "NaN", "x")))
COLUMN = st.sampled_from(COLUMNS)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


FILTER = joined(COLUMN, st.just("="), st.sampled_from(OPERATORS), st.just("."), VALUES)
LOGIC = joined(
    st.sampled_from(("or=(", "and=(", "not.or=(", "shelves.or=(")),
    joined(COLUMN, st.just("."), st.sampled_from(OPERATORS), st.just("."), VALUES),
    st.sampled_from((")", "", ",and(id.eq.1,id.eq.2))")),
)
SELECT = st.one_of(
    SOUP,
    st.lists(
        st.sampled_from(
            (
                "*",
                "id",
                "x:title",
                "pages::text",
                "about->year",
                "about->prizes->>0",
                "tags::int8",
                "shelves(*)",
                "by:author_id(name)",
                "shelves!inner(id)",
                "...author_id(name)",
                "authors(*)",
                "placings(shelves(room))",
            )
        ),
        min_size=1,
        max_size=4,
    ).map(",".join),
).map("select={}".format)
OTHER = st.one_of(
    joined(st.just("order="), SOUP),
    joined(COLUMN, st.just(".order="), COLUMN),
    st.sampled_from(("order=pages.desc.nullslast,id", "order=by(name)", "order=about->year")),
    st.sampled_from(("limit=1", "limit=-1", "limit=x", "offset=1", "offset=-1", "offset=99")),
    st.sampled_from(("columns=id,title", "columns=nope", "on_conflict=id", "on_conflict=isbn")),
    joined(SOUP, st.just("="), SOUP),
)
QUERY = st.lists(st.one_of(FILTER, LOGIC, SELECT, OTHER), max_size=3).map("&".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(COLUMN, inner, max_size=3),
    max_leaves=6,
)
ROW = st.fixed_dictionaries(
    {"title": st.text(max_size=4) | JSON, "author_id": st.sampled_from((1, 2, 9, None, "1"))},
    optional={"id": st.integers(1, 6) | JSON, "about": JSON, "tags": JSON, "price": JSON},
)
BODY = st.one_of(
    ROW.map(json.dumps),
    st.lists(ROW, max_size=3).map(json.dumps),
    JSON.map(json.dumps),
    st.text(max_size=20),
).map(lambda text: text.encode(errors="replace")) | st.binary(max_size=20)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "prefer": st.lists(
            st.sampled_from(
                (
                    "return=representation",
                    "return=headers-only",
                    "resolution=merge-duplicates",
                    "resolution=ignore-duplicates",
                    "count=exact",
                    "missing=default",
                    "tx=rollback",
                    "handling=strict",
                    "max-affected=1",
                    "nonsense",
                )
            ),
            max_size=4,
        ).map(",".join),
        "accept": st.sampled_from(
            (
                "*/*",
                "text/csv",
                "application/vnd.pgrst.object+json",
                "application/vnd.pgrst.array+json;nulls=stripped",
                "image/png",
                ";q=x,",
            )
        ),
        "content-type": st.sampled_from(
            ("application/json", "text/csv", "application/x-www-form-urlencoded", "a/b")
        ),
        "range": st.sampled_from(("0-1", "1-", "5-2", "bytes=0-1", "-")),
        "accept-profile": st.sampled_from(("public", "realtime")),
    },
)
METHOD = st.sampled_from(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))
PATH = st.one_of(
    st.just("books"), st.sampled_from(("", "rpc/x", "notes", "secrets", "a/b", "%00", "%ff"))
)
ROLE = st.sampled_from(("anon", "authenticated", "service_role"))
WORDS = {"code", "message", "details", "hint"}


def stored(library: Library) -> str:
    """Everything that is in the tables."""
    database = library.database
    tables = sorted(database.tables, key=lambda table: table.key)
    return repr(
        [
            list(database.execute(f'select * from "{t.name}"', NOW_S))
            for t in tables
            if t.schema == "public"
        ]
    )


@settings(max_examples=600, deadline=None)
@given(
    METHOD, PATH, QUERY, HEADERS, BODY, st.sampled_from(("anon", "authenticated", "service_role"))
)
def test_every_request_is_answered_and_a_refused_one_changes_nothing(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, role: str
) -> None:
    library = LIBRARY
    before = stored(library)
    library.database.take_changes()
    answer = library.raw(method, f"{path}?{query}", headers, body, role, sub=ADA)
    assert answer.status in (200, 201, 204, 206) or refuses(answer), answer
    if answer.status >= 300 or method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        assert stored(library) == before
        assert library.database.take_changes() == []
    elif answer.body and "json" in answer.headers["content-type"]:
        json.loads(answer.body)
    if len(before) > 20_000:
        library.database.execute("delete from books where id > 3", NOW_S)


def refuses(answer: Response) -> bool:
    """Whether it is an error in PostgREST's form, which is the client's own, except where a real
    server says that it is its own: a key that is there twice, too deep a value."""
    error: Any = json.loads(answer.body)
    blame = answer.status < 500 or error["code"] in ("21000", "54001")
    return set(error) == WORDS and blame


LIBRARY = Library()


def test_no_request_is_too_odd_for_the_tables() -> None:
    """What does not even come as UTF-8."""
    for target in ("/rest/v1/%ff?%ff=%ff", "/rest/v1/books?select=%ed%a0%80", "/rest/v1//?="):
        given = {"apikey": LIBRARY.key, "authorization": f"Bearer {LIBRARY.key}"}
        answer = LIBRARY.handle(Request("GET", target, given))
        assert answer.status in (200, 400, 404)
