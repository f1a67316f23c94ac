"""Reading rows as PostgREST does: select lists, embedding, order, windows, counts and forms."""

from __future__ import annotations

import json

import pytest

from tests.fake_server.rest.asking import ADA, BOB, Library


def test_a_select_list_renames_casts_and_walks_into_json() -> None:
    (row,) = Library().get(
        "books?select=name:title,pages::text,about->year,about->prizes->>0,in:about->place->>name"
        "&id=eq.1"
    )
    assert row == {
        "name": "The Dispossessed",
        "pages": "387",
        "year": 1974,
        "prizes": "Hugo",
        "in": "Anarres",
    }


def test_all_columns_come_as_postgres_prints_them() -> None:
    answer = Library().ask("GET", "books?id=eq.1")
    assert answer.body.decode() == (
        '[{"id":1,"title":"The Dispossessed","author_id":1,"translator_id":null,"pages":387,'
        '"price":12.50,"tags":["utopia","sf"],"about":{"year": 1974, "place": {"name": "Anarres"}, '
        '"prizes": ["Hugo", "Nebula"]},"in_print":null,"isbn":null}]'
    )


def test_embedding_goes_to_one_and_to_many() -> None:
    library = Library()
    (book,) = library.get("books?select=title,authors!books_author_id_fkey(name)&id=eq.1")
    assert book == {"title": "The Dispossessed", "authors": {"name": "Le Guin"}}
    authors = library.get("authors?select=name,books!author_id(id)&order=id")
    assert authors[0] == {"name": "Le Guin", "books": [{"id": 1}, {"id": 3}]}
    assert authors[2] == {"name": "Nobody", "books": []}
    (solaris,) = library.get("books?select=by:author_id(name),from:translator_id(name)&id=eq.2")
    assert solaris == {"by": {"name": "Lem"}, "from": {"name": "Le Guin"}}


def test_embedding_goes_through_a_junction() -> None:
    rows = Library().get("books?select=id,shelves(room)&order=id&shelves.order=id.desc")
    assert rows == [
        {"id": 1, "shelves": [{"room": "attic"}, {"room": "hall"}]},
        {"id": 2, "shelves": [{"room": "attic"}]},
        {"id": 3, "shelves": []},
    ]


def test_a_table_embeds_itself() -> None:
    library = Library()
    (shevek,) = library.get("people?select=name,boss:boss_id(name)&id=eq.2")
    assert shevek == {"name": "Shevek", "boss": {"name": "Odo"}}
    (odo,) = library.get("people?select=name,below:people!boss_id(name)&id=eq.1")
    assert odo == {"name": "Odo", "below": [{"name": "Shevek"}]}


def test_inner_embedding_and_its_filters_choose_the_rows() -> None:
    library = Library()
    left = library.get("books?select=id,shelves(id)&shelves.room=eq.hall&order=id")
    assert [len(row["shelves"]) for row in left] == [1, 0, 0]
    assert library.ids("books?select=id,shelves!inner(id)&shelves.room=eq.hall") == [1]
    assert library.ids("books?select=id,shelves(id)&shelves=is.null") == [3]
    assert library.ids("books?select=id,shelves()&shelves=not.is.null&order=id") == [1, 2]
    assert library.ids("books?select=id,shelves()&or=(shelves.is.null,pages.eq.387)&order=id") == [
        1,
        3,
    ]


def test_a_spread_stands_among_the_columns() -> None:
    library = Library()
    (row,) = library.get("books?select=title,...author_id(author:name)&id=eq.2")
    assert row == {"title": "Solaris", "author": "Lem"}
    (row,) = library.get("authors?select=name,...books!author_id(title)&id=eq.1")
    assert row["title"] == ["The Dispossessed", "The Lathe of Heaven"]


def test_embedded_rows_have_an_order_and_a_window_of_their_own() -> None:
    (row,) = Library().get(
        "authors?select=books!author_id(id)&id=eq.1&books.order=id.desc&books.limit=1"
    )
    assert row == {"books": [{"id": 3}]}


def test_count_counts_what_it_stands_in() -> None:
    library = Library()
    rows = library.get("authors?select=name,books!author_id(count)&order=id")
    assert [row["books"] for row in rows] == [[{"count": 2}], [{"count": 1}], [{"count": 0}]]
    assert library.get("books?select=count,n:count&pages=not.is.null") == [{"count": 2, "n": 2}]
    status, error = library.refusal("GET", "books?select=id,count")
    assert (status, error["code"]) == (400, "42803")


def test_no_foreign_key_no_embedding() -> None:
    status, error = Library().refusal("GET", "books?select=*,notes(*)")
    assert (status, error["code"]) == (400, "PGRST200")
    assert error["message"] == (
        "Could not find a relationship between 'books' and 'notes' in the schema cache"
    )


def test_two_foreign_keys_ask_for_a_hint() -> None:
    status, error = Library().refusal("GET", "books?select=*,authors(*)")
    assert (status, error["code"]) == (300, "PGRST201")
    assert error["details"][0] == {
        "cardinality": "many-to-one",
        "embedding": "books with authors",
        "relationship": "books_author_id_fkey using books(author_id) and authors(id)",
    }
    assert "'authors!books_author_id_fkey', 'authors!books_translator_id_fkey'" in error["hint"]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("pages", [2, 1, 3]),
        ("pages.desc", [3, 1, 2]),
        ("pages.desc.nullslast", [1, 2, 3]),
        ("pages.nullsfirst", [3, 2, 1]),
        ("about->year.asc", [2, 1, 3]),
        ("about->>year.desc.nullslast", [1, 2, 3]),
        ("author_id.desc,id.desc", [2, 3, 1]),
        ("by(name).desc,id", [2, 1, 3]),
    ],
)
def test_an_order_sorts_and_says_where_nulls_stand(order: str, ids: list[int]) -> None:
    assert Library().ids(f"books?select=id,by:author_id(name)&order={order}") == ids


@pytest.mark.parametrize(
    ("query", "headers", "status", "content_range"),
    [
        ("", {}, 200, "0-2/*"),
        ("limit=2", {}, 200, "0-1/*"),
        ("limit=2", {"prefer": "count=exact"}, 206, "0-1/3"),
        ("limit=2&offset=2", {"prefer": "count=planned"}, 206, "2-2/3"),
        ("", {"range": "1-1", "range_unit": "items"}, 200, "1-1/*"),
        ("", {"range": "1-", "prefer": "count=estimated"}, 206, "1-2/3"),
        ("limit=0", {}, 200, "*/*"),
        ("id=gt.9", {"prefer": "count=exact"}, 200, "*/0"),
        ("offset=9", {}, 200, "*/*"),
    ],
)
def test_the_content_range_says_which_part_it_is(
    query: str, headers: dict[str, str], status: int, content_range: str
) -> None:
    answer = Library().ask("GET", f"books?{query}", **headers)
    assert (answer.status, answer.headers["content-range"]) == (status, content_range)


@pytest.mark.parametrize(
    ("query", "headers", "details"),
    [
        (
            "offset=9",
            {"prefer": "count=exact"},
            "An offset of 9 was requested, but there are only 3 rows.",
        ),
        ("limit=-1", {}, "Limit should be greater than or equal to zero."),
        (
            "",
            {"range": "5-2"},
            "The lower boundary must be lower than or equal to the upper boundary in the Range "
            "header.",
        ),
    ],
)
def test_a_range_that_cannot_be_is_refused(
    query: str, headers: dict[str, str], details: str
) -> None:
    status, error = Library().refusal("GET", f"books?{query}", **headers)
    assert (status, error["code"], error["details"]) == (416, "PGRST103", details)


def test_no_more_than_a_thousand_rows_come_at_once() -> None:
    library = Library()
    library.ask("POST", "shelves", [{"id": number} for number in range(10, 1510)])
    answer = library.ask("GET", "shelves?limit=5000", prefer="count=exact")
    assert (answer.status, answer.headers["content-range"]) == (206, "0-999/1502")
    assert len(json.loads(answer.body)) == 1000


def test_one_object_is_wanted_and_there_must_be_one_row() -> None:
    library = Library()
    single = "application/vnd.pgrst.object+json"
    answer = library.ask("GET", "shelves?id=eq.1", accept=single)
    assert json.loads(answer.body) == {"id": 1, "room": "hall"}
    assert answer.headers["content-type"] == f"{single}; charset=utf-8"
    for query, count in (("id=eq.9", 0), ("", 2)):
        status, error = library.refusal("GET", f"shelves?{query}", accept=single)
        assert (status, error) == (
            406,
            {
                "code": "PGRST116",
                "message": "Cannot coerce the result to a single JSON object",
                "details": f"The result contains {count} rows",
                "hint": None,
            },
        )


def test_nulls_are_left_out_on_request() -> None:
    accept = "application/vnd.pgrst.array+json;nulls=stripped"
    rows = json.loads(
        Library().ask("GET", "books?select=id,pages&order=id.desc&limit=1", accept=accept).body
    )
    assert rows == [{"id": 3}]


def test_rows_come_as_csv() -> None:
    answer = Library().ask("GET", "books?select=id,title,tags,pages&order=id", accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.body.decode().split("\n") == [
        "id,title,tags,pages",
        '1,"The Dispossessed","{utopia,sf}",387',
        "2,Solaris,{sf},204",
        '3,"The Lathe of Heaven",,',
    ]


def test_a_form_that_there_is_not_is_refused() -> None:
    status, error = Library().refusal("GET", "books", accept="image/png")
    assert (status, error["code"]) == (406, "PGRST107")
    assert error["message"] == "None of these media types are available: image/png"


def test_rows_are_those_of_the_caller() -> None:
    library = Library()
    assert library.ids("notes", role="authenticated", sub=ADA) == [1]
    assert library.ids("notes", role="authenticated", sub=BOB) == [2]
    assert library.ids("notes", role="anon") == []
    assert library.ids("notes?order=id") == [1, 2]
    status, error = library.refusal("GET", "secrets", role="anon")
    assert (status, error["code"]) == (401, "42501")
    status, error = library.refusal("GET", "secrets", role="authenticated", sub=ADA)
    assert (status, error["message"]) == (403, "permission denied for table secrets")


def test_too_much_embedding_takes_too_long() -> None:
    """Every level multiplies the rows: a short query must not keep the server busy for ever."""
    library = Library()
    library.ask("POST", "books", [{"title": "x", "author_id": 1}] * 100)
    nested = "id"
    for _ in range(8):
        nested = f"id,by:author_id(id,books!author_id({nested}))"
    status, error = library.refusal("GET", f"books?select={nested}")
    assert (status, error["code"]) == (500, "57014")


@pytest.mark.parametrize(
    ("target", "status", "code", "message"),
    [
        ("boks", 404, "PGRST205", "Could not find the table 'public.boks' in the schema cache"),
        ("books?select=nope", 400, "42703", "column books.nope does not exist"),
        ("books?nope=eq.1", 400, "42703", "column books.nope does not exist"),
        ("books?order=nope", 400, "42703", "column books.nope does not exist"),
        ("books?select=id::nope", 400, "42704", 'type "nope" does not exist'),
        (
            "books?shelves.id=eq.1",
            400,
            "PGRST108",
            "'shelves' is not an embedded resource in this request",
        ),
        ("books?select=count()", 400, "PGRST123", "Use of aggregate functions is not allowed"),
        ("books?select=id.sum()", 400, "PGRST123", "Use of aggregate functions is not allowed"),
        ("books?offset=-1", 400, "2201X", "OFFSET must not be negative"),
        ("books/1", 404, "PGRST125", "Invalid path specified in request URL"),
        (
            "books?select=id,shelves(id)&shelves=eq.1",
            400,
            "PGRST120",
            "Bad operator on the 'shelves' embedded resource",
        ),
        (
            "authors?select=id,books!author_id(id)&order=books(id)",
            400,
            "PGRST118",
            "A related order on 'books' is not possible",
        ),
        (
            "rpc/add?a=1",
            404,
            "PGRST202",
            "Could not find the function public.add(a) in the schema cache",
        ),
    ],
)
def test_what_is_not_there_is_refused(target: str, status: int, code: str, message: str) -> None:
    refused, error = Library().refusal("GET", target)
    assert (refused, error["code"], error["message"]) == (status, code, message)


def test_a_misspelt_table_gets_a_hint() -> None:
    _, error = Library().refusal("GET", "boks")
    assert error["hint"] == "Perhaps you meant the table 'public.books'"
