"""How values print and measure in the real server's runtime."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server.elixir import external_size, inspect, sorted_keys


@pytest.mark.parametrize(("value", "printed"), [
    (None, "nil"),
    (True, "true"),
    ("a\"ö", '"a\\"ö"'),
    (1.5, "1.5"),
    ([1, None], "[1, nil]"),
    ({"b": 1, "a": {}}, '%{"a" => %{}, "b" => 1}'),
    (b"\x01\x02", "{:binary, <<1, 2>>}"),
])  # fmt: skip
def test_values_print_as_elixir_prints_them(value: Any, printed: str) -> None:
    assert inspect(value) == printed


@pytest.mark.parametrize(("value", "size"), [
    (None, 6),
    (True, 7),
    (False, 8),
    (0, 3),
    (256, 6),
    (-1, 6),
    (2**31, 8),
    (2**64, 13),
    (1.5, 10),
    ("ö", 8),
    ([], 2),
    ([1], 9),
    ({}, 6),
    ({"a": 1}, 14),
    (b"abc", 9),
])  # fmt: skip
def test_sizes_are_those_of_the_external_term_format(value: Any, size: int) -> None:
    assert external_size(value) == size


def test_keys_come_back_in_order_at_every_depth() -> None:
    assert (
        str(sorted_keys({"b": [{"d": 1, "c": 2}], "a": 0})) == "{'a': 0, 'b': [{'c': 2, 'd': 1}]}"
    )
