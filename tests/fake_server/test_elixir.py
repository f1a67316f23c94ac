"""How values print and measure in the real server's runtime."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server.elixir import external_size, inspect, notation, sorted_keys


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


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("1000.0", "1.0e3"),
        ("100.0", "100.0"),
        ("-1000.0", "-1.0e3"),
        ("1230.0", "1230.0"),
        ("12300.0", "1.23e4"),
        ("123456.0", "123456.0"),
        ("12.5", "12.5"),
        ("0.0", "0.0"),
        ("-0.0", "-0.0"),
        ("0.5", "0.5"),
        ("0.05", "0.05"),
        ("0.0001", "0.0001"),
        ("1e-05", "1.0e-5"),
        ("1e+16", "1.0e16"),
        ("9007199254740992.0", "9.007199254740992e15"),
        ("9007199254740991.0", "9007199254740991.0"),
        ("1.5e+300", "1.5e300"),
    ],
)
def test_floats_are_written_as_short_as_erlang_writes_them(ours: str, theirs: str) -> None:
    """The first is recorded (`broadcast_default`); the others are Erlang's rule."""
    assert notation(f'{{"n":{ours}}}') == f'{{"n":{theirs}}}'


def test_what_looks_like_a_float_in_a_string_is_left_alone() -> None:
    text = '{"version 1000.0":"\\"1000.0","n":[1000,12345678901234567890]}'
    assert notation(text) == text
