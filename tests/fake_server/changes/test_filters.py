"""The filter grammar: what is split where, what fits, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fake_server.changes import conditions
from fake_server.changes.filters import BadFilter, Filter, parse_filters
from fake_server.database import Column, DatabaseError, Table
from fake_server.schema import load

SCHEMA = load(Path(__file__).parent.parent / "golden_schema.toml")
TODOS = next(table for table in SCHEMA.tables if table.name == "todos")

READABLE = frozenset(TODOS.column_names)


def fits(text: str, **row: Any) -> bool:
    parsed = parse_filters(text)
    for condition in parsed:
        conditions.check(condition, TODOS, READABLE)
    return all(conditions.holds(condition, TODOS, row) for condition in parsed)


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("num=eq.5", {"num": 5}, True),
        ("num=neq.5", {"num": None}, False),
        ("num=not.eq.5", {"num": None}, False),
        ("num=not.eq.5", {"num": 4}, True),
        ("num=in.(4,6)", {"num": 6}, True),
        ("num=is.null", {"num": None}, True),
        ("num=not.is.null", {"num": None}, False),
        ("num=isdistinct.5", {"num": None}, True),
        ("num=isdistinct.5", {"num": 5}, False),
        ("title=match.^b", {"title": "bc"}, True),
        ("title=imatch.^B", {"title": "bc"}, True),
        ('title=in.("a,b",c)', {"title": "a,b"}, True),
        ('title=eq."a,b",num=gt.1', {"title": "a,b", "num": 2}, True),
        (r'title=eq."a\"b"', {"title": 'a"b'}, True),
        ('title=eq."a"b', {"title": '"a"b'}, True),
        ("done=is.unknown", {"done": None}, True),
        ("  ", {}, True),
    ],
)
def test_a_row_fits(text: str, row: dict[str, Any], expected: bool) -> None:
    assert fits(text, **row) is expected


def test_a_column_that_is_not_there_fits_nothing() -> None:
    """The log of a deleted row has its key only, so other filters match no DELETE."""
    assert not fits("num=not.eq.5", id=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("garbage", '["garbage"]'),
        ("num=foo.1", '["foo", "1"]'),
        ("num=in.1,2", "`in` filter value must be wrapped by parentheses"),
        (
            "num=eq.1,,num=eq.2",
            "filter must not contain empty segments (check for extra commas)",
        ),
    ],
)
def test_what_cannot_be_parsed_is_named(text: str, words: str) -> None:
    with pytest.raises(BadFilter) as raised:
        parse_filters(text)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (" num=eq.5 , num=gt.1 ", [("num", "5"), ("num", "1")]),
        ('title=eq.a"b,num=eq.1', [("title", 'a"b'), ("num", "1")]),
        ('title=in.(a"b,c"),num=eq.1', [("title", '{a"b,c"}'), ("num", "1")]),
        ("title=eq.(a,b),num=eq.1", [("title", "(a,b)"), ("num", "1")]),
        ('title=eq."open,num=eq.1', [("title", '"open,num=eq.1')]),
        ("title=eq.a=b", [("title", "a=b")]),
        ("title=not.not.eq.1", None),
    ],
)
def test_commas_and_quotes_split_as_in_the_real_server(
    text: str, parsed: list[tuple[str, str]] | None
) -> None:
    if parsed is None:
        with pytest.raises(BadFilter):
            parse_filters(text)
        return
    assert [(each.column, each.value) for each in parse_filters(text)] == parsed


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nocol=eq.1", "P0001", "invalid column for filter nocol"),
        ("num=eq.abc", "22P02", 'invalid input syntax for type integer: "abc"'),
        (
            f"num=in.({','.join('1' * 101)})",
            "P0001",
            "too many values for `in` filter. Maximum 100",
        ),
        ("num=is.true", "P0001", "is true filter requires a boolean column, got integer"),
        (
            "num=is.5",
            "P0001",
            "invalid value for is filter: must be null, true, false, or unknown",
        ),
        (
            "num=like.5%",
            "P0001",
            "operator like requires a text-compatible column type, got integer",
        ),
        (
            "meta=imatch.a",
            "P0001",
            "operator imatch requires a text-compatible column type, got jsonb",
        ),
        (
            "title=match.(",
            "P0001",
            "invalid regular expression for match filter: "
            "invalid regular expression: parentheses () not balanced",
        ),
    ],
)
def test_what_does_not_fit_the_table_is_refused_as_postgres_does(
    text: str, code: str, message: str
) -> None:
    with pytest.raises(DatabaseError) as raised:
        conditions.check(parse_filters(text)[0], TODOS, READABLE)
    assert (raised.value.code, raised.value.message) == (code, message)


def test_a_column_that_the_role_may_not_read_cannot_be_filtered() -> None:
    with pytest.raises(DatabaseError, match="invalid column for filter num"):
        conditions.check(parse_filters("num=eq.1")[0], TODOS, READABLE - {"num"})


def test_a_filter_prints_as_the_error_texts_show_it() -> None:
    assert str(Filter("num", "eq", "abc")) == '{"num", "eq", "abc", false}'


@pytest.mark.parametrize(("value", "octets"), [("a\0", "0x00"), ("\ud800", "0xed 0xa0 0x80")])
def test_what_no_database_can_hold_is_refused(value: str, octets: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        conditions.check(Filter("title", "like", value), TODOS, READABLE)
    message = f'invalid byte sequence for encoding "UTF8": {octets}'
    assert (raised.value.code, raised.value.message) == ("22021", message)


@pytest.mark.parametrize(
    ("column", "text", "value", "code"),
    [
        ("g", "g=eq.{a}", ["a"], "22P02"),
        ("i", "i=eq.1", 1, "42883"),
        ("i", "i=eq.1", None, "42883"),
    ],
)
def test_what_can_be_subscribed_to_may_still_raise_when_a_row_comes(
    column: str, text: str, value: Any, code: str
) -> None:
    """A list is read back from its JSON, and `json` has no equality."""
    table = next(each for each in SCHEMA.tables if each.name == "types_t")
    (condition,) = parse_filters(text)
    conditions.check(condition, table, frozenset(table.column_names))
    with pytest.raises(DatabaseError) as raised:
        conditions.holds(condition, table, {column: value})
    assert raised.value.code == code


def test_of_a_fixed_length_only_the_first_letter_is_compared() -> None:
    """The real server reads `character(n)` as `character`, which has one."""
    letters = Table("public", "t", (Column("c", "bpchar", modifier=(3,)),))
    (condition,) = parse_filters("c=eq.axx")
    assert conditions.holds(condition, letters, {"c": "a"})
