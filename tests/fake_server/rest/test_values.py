"""Values as PostgREST prints them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fake_server.database.typed import Typed
from fake_server.rest.values import csv_of, json_of


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("float8", float("nan"), '"NaN"'),
        ("float8", float("-inf"), '"-Infinity"'),
        ("float8", 1.0, "1"),
        ("float8", 1e20, "1e+20"),
        ("numeric", Decimal("12.50"), "12.50"),
        ("numeric", Decimal("NaN"), '"NaN"'),
        ("bytea", "\\xdeadbeef", '"\\\\xdeadbeef"'),
        ("_int4", [1, None, 3], "[1,null,3]"),
        ("_int4", [[1, 2], [3, 4]], "[[1,2],[3,4]]"),
        ("bool", True, "true"),
        ("text", 'é"', '"é\\""'),
        ("jsonb", {"bb": 1, "a": [1, 2]}, '{"a": [1, 2], "bb": 1}'),
        ("json", {"bb": Decimal("1.5"), "a": 2}, '{"bb": 1.5, "a": 2}'),
    ],
)
def test_a_value_is_printed_as_to_json_does(kind: str, value: Any, text: str) -> None:
    assert json_of(Typed(kind, value)) == text


def test_csv_quotes_what_it_must() -> None:
    row = {
        "a": Typed("text", 'say "x"'),
        "b": Typed("text", ""),
        "c": Typed("text", None),
        "d": Typed("bool", True),
    }
    assert csv_of(list(row), [row]) == 'a,b,c,d\n"say ""x""","",,t'
