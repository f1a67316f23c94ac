"""Our database beside the answers of a real PostgreSQL 15 (`postgres/record.py`)."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fake_server.database import Caller, Database, DatabaseError, json_text, types
from fake_server.database.catalog import OWNER
from fake_server.database.like import ilike, like
from fake_server.database.ordering import order_key
from fake_server.database.output import output
from fake_server.database.regex import imatches, matches
from fake_server.database.sql import parse_expression, type_of
from fake_server.database.typed import Typed, json_value
from fake_server.schema import load
from tests.fake_server.database.project import NOW_S

HERE = Path(__file__).parent / "postgres"
CASTS: dict[str, dict[str, Any]] = json.loads((HERE / "casts.json").read_text("utf-8"))


def cast(type_name: str, literal: str) -> list[str]:
    """A literal as text and as jsonb."""
    name, modifier = type_of(parse_expression(f"''::{type_name}").args["to"])
    value = types.cast(name, literal, modifier, explicit=True)
    return [output(name, value), json_text(json_value(Typed(name, value)))]


def refusal(error: DatabaseError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "hint": error.hint,
    }


@pytest.mark.parametrize("type_name", CASTS)
def test_literals_are_read_printed_and_refused_as_by_postgres(type_name: str) -> None:
    """Of `json` only what it means is kept, not how it was written."""
    answers: dict[str, Any] = {}
    for literal in CASTS[type_name]:
        try:
            answers[literal] = cast(type_name, literal)
        except DatabaseError as error:
            answers[literal] = refusal(error)
    expected = dict(CASTS[type_name])
    if type_name in ("json", "jsonb"):
        answers = {key: _meaning(answer) for key, answer in answers.items()}
        expected = {key: _meaning(answer) for key, answer in expected.items()}
    assert answers == expected


def _meaning(answer: Any) -> Any:
    return answer[1] if isinstance(answer, list) else answer


ORDERS: dict[str, dict[str, int]] = json.loads((HERE / "orders.json").read_text("utf-8"))


@pytest.mark.parametrize("type_name", ORDERS)
def test_values_are_equal_and_ordered_as_by_postgres(type_name: str) -> None:
    name, modifier = type_of(parse_expression(f"''::{type_name}").args["to"])
    keys = {
        text: order_key(name, types.cast(name, text, modifier, explicit=True))
        for text in ORDERS[type_name]
    }
    distinct: list[Any] = []
    for key in sorted(keys.values()):
        if not distinct or distinct[-1] != key:
            distinct.append(key)
    assert {text: distinct.index(key) + 1 for text, key in keys.items()} == ORDERS[type_name]


REGEXES: dict[str, Any] = json.loads((HERE / "regexes.json").read_text("utf-8"))
TEXTS: list[str] = tomllib.loads((HERE / "regexes.toml").read_text("utf-8"))["texts"]


def found(pattern: str) -> Any:
    """The texts that a pattern matches, then those that it matches in any case."""
    try:
        return [
            [text for text in TEXTS if finds(text, pattern)] or None
            for finds in (matches, imatches)
        ]
    except DatabaseError as error:
        return refusal(error)


def test_patterns_match_and_are_refused_as_by_postgres() -> None:
    assert {pattern: found(pattern) for pattern in REGEXES} == REGEXES


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+$", "a" * 50_000 + "b"), ("(a|a)*b", "a" * 50_000), ("(.*)*x(.*)*y", "x" * 50_000)],
)
def test_no_pattern_takes_longer_than_its_length_times_the_texts(pattern: str, text: str) -> None:
    """A backtracking engine would not end in a lifetime."""
    assert not matches(text, pattern)


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1"])
def test_what_only_backtracking_finds_is_refused(pattern: str) -> None:
    with pytest.raises(DatabaseError, match="does not know"):
        matches("aa", pattern)


LIKES: dict[str, Any] = json.loads((HERE / "likes.json").read_text("utf-8"))
LIKE_TEXTS: list[str] = tomllib.loads((HERE / "likes.toml").read_text("utf-8"))["texts"]


def fitting(pattern: str) -> list[list[str] | None]:
    """The texts that fit a pattern, then those that do in any case."""
    return [[text for text in LIKE_TEXTS if fits(text, pattern)] or None for fits in (like, ilike)]


def fits_or_code(text: str, pattern: str) -> bool | str:
    try:
        return like(text, pattern)
    except DatabaseError as error:
        return error.code


def test_texts_fit_the_patterns_that_they_fit_in_postgres() -> None:
    assert {pattern: fitting(pattern) for pattern in LIKES["whole"]} == LIKES["whole"]


def test_an_escape_of_nothing_is_refused_where_postgres_comes_to_it() -> None:
    answers = {
        pattern: {text: fits_or_code(text, pattern) for text in texts}
        for pattern, texts in LIKES["broken"].items()
    }
    assert answers == LIKES["broken"]


CASES = tomllib.loads((HERE / "statements.toml").read_text("utf-8"))["case"]
ANSWERS: dict[str, list[Any]] = json.loads((HERE / "statements.json").read_text("utf-8"))


def answer(database: Database, statement: str, caller: Caller) -> Any:
    try:
        rows = database.execute(statement, NOW_S, caller)
    except DatabaseError as error:
        return refusal(error)
    return json.loads(json_text([_as_json(row) for row in rows]))


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers that JSON lacks are text there."""
    return {name: json_value(Typed("jsonb", value)) for name, value in row.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_statements_come_to_what_they_come_to_in_postgres(case: dict[str, Any]) -> None:
    database = Database(load(HERE / "project.toml"), random.Random(1), NOW_S)
    claims = case.get("as")
    caller = OWNER if claims is None else Caller(claims["role"], claims)
    for statement in case.get("before", ()):
        database.execute(statement, NOW_S)
    answers = {each: answer(database, each, caller) for each in case["sql"]}
    assert answers == dict(zip(case["sql"], ANSWERS[case["name"]], strict=True))
