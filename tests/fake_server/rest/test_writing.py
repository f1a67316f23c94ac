"""Writing rows as PostgREST does: what is stored, what is answered, and what is taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fake_server.rest.asking import ADA, BOB, Library

FULL = {"prefer": "return=representation"}


def rows(answer: Any) -> Any:
    return json.loads(answer.body)


def test_an_insert_is_silent_unless_the_rows_are_wanted() -> None:
    library = Library()
    answer = library.ask("POST", "shelves", {"id": 3})
    assert (answer.status, answer.body, answer.headers["content-range"]) == (201, b"", "*/*")
    answer = library.ask("POST", "shelves?select=room", {"id": 4}, **FULL)
    assert (answer.status, rows(answer)) == (201, [{"room": "hall"}])
    assert answer.headers["preference-applied"] == "return=representation"
    assert library.ids("shelves?order=id") == [1, 2, 3, 4]


def test_an_insert_tells_where_its_row_is() -> None:
    answer = Library().ask("POST", "shelves", {"id": 7}, prefer="return=headers-only")
    assert (answer.status, answer.headers["location"]) == (201, "/shelves?id=eq.7")


def test_many_rows_are_inserted_or_none() -> None:
    library = Library()
    status, error = library.refusal("POST", "shelves", [{"id": 3}, {"id": 1}])
    assert (status, error["code"]) == (409, "23505")
    assert error["details"] == "Key (id)=(1) already exists."
    assert library.ids("shelves?order=id") == [1, 2]
    answer = library.ask("POST", "shelves", [{"id": 3}, {"id": 4}], prefer="count=exact")
    assert (answer.status, answer.headers["content-range"]) == (201, "*/2")
    assert library.ask("POST", "shelves", []).status == 201


def test_columns_name_what_is_written_of_each_row() -> None:
    library = Library()
    body = [{"id": 3, "room": "cellar", "more": 1}, {"id": 4}]
    status, error = library.refusal("POST", 'shelves?columns="id","room"', body)
    assert (status, error["code"]) == (400, "23502")
    prefer = "missing=default,return=representation"
    answer = library.ask("POST", 'shelves?columns="id","room"', body, prefer=prefer)
    assert rows(answer) == [{"id": 3, "room": "cellar"}, {"id": 4, "room": "hall"}]
    assert answer.headers["preference-applied"] == "missing=default, return=representation"


def test_an_upsert_merges_or_ignores_what_is_there() -> None:
    library = Library()
    merge = {"prefer": "resolution=merge-duplicates,return=representation"}
    answer = library.ask(
        "POST", "shelves", [{"id": 2, "room": "x"}, {"id": 3, "room": "y"}], **merge
    )
    assert answer.status == 201
    assert rows(answer) == [{"id": 2, "room": "x"}, {"id": 3, "room": "y"}]
    assert library.ask("POST", "shelves", {"id": 2, "room": "z"}, **merge).status == 200
    ignore = {"prefer": "resolution=ignore-duplicates,return=representation"}
    answer = library.ask(
        "POST",
        "shelves",
        [
            {"id": 2, "room": "w"},
            {"id": 4},
        ][:1],
        **ignore,
    )
    assert (answer.status, rows(answer)) == (201, [])
    assert library.get("shelves?id=eq.2") == [{"id": 2, "room": "z"}]


def test_an_upsert_may_name_another_key() -> None:
    library = Library()
    merge = {"prefer": "resolution=merge-duplicates"}
    library.ask("POST", "authors?on_conflict=name", {"name": "Lem"}, **merge)
    assert len(library.get("authors")) == 3
    status, error = library.refusal("POST", "books?on_conflict=title", {"title": "x"}, **merge)
    assert (status, error["code"]) == (400, "42P10")
    twice = [{"id": 9}, {"id": 9}]
    status, error = library.refusal("POST", "shelves", twice, **merge)
    assert (status, error["code"]) == (500, "21000")


def test_an_update_changes_what_the_filters_choose() -> None:
    library = Library()
    answer = library.ask("PATCH", "books?author_id=eq.1&select=id,pages&order=id", {"pages": 1})
    assert (answer.status, answer.body) == (204, b"")
    answer = library.ask("PATCH", "books?author_id=eq.1&select=id&order=id", {"pages": 2}, **FULL)
    assert (answer.status, rows(answer)) == (200, [{"id": 1}, {"id": 3}])
    assert answer.headers["content-range"] == "0-1/*"
    answer = library.ask("PATCH", "books?id=eq.99", {"pages": 2}, **FULL)
    assert (answer.status, rows(answer), answer.headers["content-range"]) == (200, [], "*/*")
    assert library.ask("PATCH", "books?id=eq.1", {}).status == 204


def test_a_delete_removes_what_the_filters_choose() -> None:
    library = Library()
    answer = library.ask("DELETE", "shelves?id=eq.9", prefer="count=exact")
    assert (answer.status, answer.headers["content-range"]) == (204, "*/0")
    status, error = library.refusal("DELETE", "shelves?id=eq.1")
    assert (status, error["code"]) == (409, "23503")
    answer = library.ask("DELETE", "authors?id=eq.2&select=name", **FULL)
    assert (answer.status, rows(answer)) == (200, [{"name": "Lem"}])
    assert library.ids("books?order=id") == [1, 3]


@pytest.mark.parametrize(("method", "command"), [("PATCH", "UPDATE"), ("DELETE", "DELETE")])
def test_a_write_to_every_row_asks_for_a_filter(method: str, command: str) -> None:
    status, error = Library().refusal(method, "shelves", {"room": "x"})
    assert (status, error["code"]) == (400, "21000")
    assert error["message"] == f"{command} requires a WHERE clause"


def test_a_put_names_one_row_by_its_key() -> None:
    library = Library()
    answer = library.ask("PUT", "shelves?id=eq.5", {"id": 5, "room": "new"}, **FULL)
    assert (answer.status, rows(answer)) == (201, [{"id": 5, "room": "new"}])
    answer = library.ask("PUT", "shelves?id=eq.5", {"id": 5, "room": "old"}, **FULL)
    assert answer.status == 200
    assert library.ask("PUT", "shelves?id=eq.5", {"id": 5, "room": "x"}).status == 204
    status, error = library.refusal("PUT", "shelves?id=gt.5", {"id": 5})
    assert (status, error["code"]) == (405, "PGRST105")
    status, error = library.refusal("PUT", "shelves?id=eq.5", {"id": 6})
    assert (status, error["code"]) == (400, "PGRST115")


def test_one_object_that_is_not_one_takes_the_write_back() -> None:
    library = Library()
    single = {"accept": "application/vnd.pgrst.object+json", **FULL}
    for wanted in (single, {**single, "prefer": "return=minimal"}):
        status, error = library.refusal("PATCH", "shelves?id=gt.0", {"room": "x"}, **wanted)
        assert (status, error["code"]) == (406, "PGRST116")
    assert [row["room"] for row in library.get("shelves?order=id")] == ["hall", "attic"]
    answer = library.ask("PATCH", "shelves?id=eq.1", {"room": "x"}, **single)
    assert rows(answer) == {"id": 1, "room": "x"}


def test_more_than_the_most_is_taken_back() -> None:
    library = Library()
    strict = "handling=strict,max-affected=1"
    status, error = library.refusal("PATCH", "shelves?id=gt.0", {"room": "x"}, prefer=strict)
    assert (status, error["code"], error["details"]) == (
        400,
        "PGRST124",
        "The query affects 2 rows",
    )
    assert library.get("shelves?id=eq.1") == [{"id": 1, "room": "hall"}]
    lenient = library.ask("PATCH", "shelves?id=gt.0", {"room": "x"}, prefer="max-affected=1")
    assert lenient.status == 204


def test_a_transaction_is_rolled_back_on_request() -> None:
    library = Library()
    prefer = "tx=rollback,return=representation"
    answer = library.ask("POST", "books", {"title": "x", "author_id": 1}, prefer=prefer)
    assert (answer.status, rows(answer)[0]["title"]) == (201, "x")
    assert answer.headers["preference-applied"] == "return=representation, tx=rollback"
    assert library.ids("books?order=id") == [1, 2, 3]
    assert library.database.take_changes() == []


def test_unknown_preferences_are_refused_if_handling_is_strict() -> None:
    status, error = Library().refusal("GET", "shelves", prefer="handling=strict, anything")
    assert (status, error["code"]) == (400, "PGRST122")
    assert error["details"] == "Invalid preferences: anything"
    assert Library().ask("GET", "shelves", prefer="anything").status == 200


def test_of_two_preferences_for_one_thing_the_first_counts() -> None:
    answer = Library().ask(
        "POST", "shelves", {"id": 3}, prefer="return=minimal, return=representation"
    )
    assert (answer.body, answer.headers["preference-applied"]) == (b"", "return=minimal")


def test_what_is_written_reaches_the_log() -> None:
    library = Library()
    library.database.take_changes()
    library.ask("POST", "books", {"title": "x", "author_id": 1})
    library.ask("PATCH", "books?id=eq.4", {"title": "y"})
    library.ask("DELETE", "books?id=eq.4")
    kinds = [change.kind for change in library.database.take_changes()]
    assert kinds == ["INSERT", "UPDATE", "DELETE"]


def test_row_policies_hold_for_writes() -> None:
    library = Library()
    ada = {"role": "authenticated", "sub": ADA}
    assert library.ask("POST", "notes", {"id": 3, "text": "new"}, **ada).status == 201
    status, error = library.refusal("POST", "notes", {"id": 4, "user_id": BOB}, **ada)
    message = 'new row violates row-level security policy for table "notes"'
    assert (status, error["code"], error["message"]) == (403, "42501", message)
    status, error = library.refusal("POST", "notes", {"id": 4, "user_id": BOB}, role="anon")
    assert (status, error["code"]) == (401, "42501")
    answer = library.ask("DELETE", "notes?id=eq.2", prefer="count=exact", **ada)
    assert (answer.status, answer.headers["content-range"]) == (204, "*/0")


def test_who_may_only_insert_reads_nothing() -> None:
    inbox = """
        [tables.inbox]
        columns = { id = "integer primary key" }
        rows = [{ id = 1 }]
        grants = { anon = ["insert", "delete"] }
        """
    library = Library(inbox)
    assert library.ask("POST", "inbox", {"id": 2}, role="anon").status == 201
    merge = {"prefer": "resolution=merge-duplicates"}
    refused: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
        ("POST", "inbox", {"id": 3}, FULL),
        ("POST", "inbox", {"id": 3}, merge),
        ("PUT", "inbox?id=eq.3", {"id": 3}, {}),
        ("DELETE", "inbox?id=eq.1", None, {}),
    )
    for method, target, body, headers in refused:
        status, error = library.refusal(method, target, body, role="anon", **headers)
        assert (status, error["message"]) == (401, "permission denied for table inbox")


@pytest.mark.parametrize(
    ("body", "headers", "code", "message"),
    [
        ("", {}, "PGRST102", "Empty or invalid json"),
        ("{", {}, "PGRST102", "Empty or invalid json"),
        ([{"id": 5}, {"room": "x"}], {}, "PGRST102", "All object keys must match"),
        ([1], {}, "PGRST102", "All object keys must match"),
        (
            "x",
            {"content_type": "image/png"},
            "PGRST102",
            "Content-Type not acceptable: image/png",
        ),
        (
            {"nope": 1},
            {},
            "PGRST204",
            "Could not find the 'nope' column of 'shelves' in the schema cache",
        ),
        ({"id": "x"}, {}, "22P02", 'invalid input syntax for type integer: "x"'),
        ({"id": 5, "room": "\0"}, {}, "22P05", "unsupported Unicode escape sequence"),
        ('{"id": 5, "room": 1e999999}', {}, "22003", "value overflows numeric format"),
        ('{"id": 5, "room": "\\ud800"}', {}, "22P02", "invalid input syntax for type json"),
        (
            {"id": None},
            {},
            "23502",
            'null value in column "id" of relation "shelves" violates not-null constraint',
        ),
    ],
)
def test_a_body_that_cannot_be_written_is_refused(
    body: Any, headers: dict[str, str], code: str, message: str
) -> None:
    status, error = Library().refusal("POST", "shelves", body, **headers)
    assert (status, error["code"], error["message"]) == (400, code, message)


def test_bytes_that_are_no_text_are_refused_and_nothing_is_stored_in_their_place() -> None:
    library = Library()
    answer = library.raw("POST", "shelves", {}, b'{"id": 5, "room": "\xff"}', "service_role", None)
    assert (answer.status, json.loads(answer.body)["message"]) == (400, "Empty or invalid json")
    assert rows(library.ask("GET", "shelves?id=eq.5")) == []


def test_rows_come_in_as_csv_and_as_a_form() -> None:
    library = Library()
    csv = {"content_type": "text/csv"}
    assert library.ask("POST", "shelves", "id,room\n3,NULLARY\n4,a b", **csv).status == 201
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert library.ask("POST", "shelves", "id=5&room=c+d", **form).status == 201
    assert [row["room"] for row in library.get("shelves?id=gt.2&order=id")] == [
        "NULLARY",
        "a b",
        "c d",
    ]
    status, error = library.refusal("POST", "shelves", "id,room\n3", **csv)
    assert (status, error["message"]) == (400, "All lines must have same number of fields")
