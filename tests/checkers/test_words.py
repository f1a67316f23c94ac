"""Tests of how evidence is put into words."""

from __future__ import annotations

import pytest

from harness.checkers.words import count, examples, listed, seconds


def test_one_of_a_thing_is_not_many() -> None:
    assert (count(1, "client"), count(0, "client")) == ("1 client", "0 clients")


def test_five_examples_are_shown_and_the_rest_counted() -> None:
    assert examples(["a"] * 5) == ["a"] * 5
    assert examples(["a"] * 7) == [*["a"] * 5, "and 2 more"]


def test_names_are_listed_once() -> None:
    assert listed(["a", "b", "a"]) == "a, b"
    assert listed(str(number) for number in range(8)) == "0, 1, 2, 3, 4 and 3 more"


@pytest.mark.parametrize(
    ("value_s", "words"), [(0.01234, "0.0123 s"), (31.25, "31.2 s"), (123.4, "123 s")]
)
def test_seconds_have_as_many_digits_as_a_person_can_use(value_s: float, words: str) -> None:
    assert seconds(value_s) == words
