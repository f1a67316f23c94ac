"""Tests of reading a history once for several checkers."""

from __future__ import annotations

from harness.checkers.remembered import remembered
from harness.history import History
from tests.checkers.story import Story


def test_the_same_history_is_read_once_and_another_anew() -> None:
    reads: list[History] = []

    @remembered
    def length(history: History) -> int:
        reads.append(history)
        return len(history.ops)

    one, other = Story().history(), Story().ends(1.0).history()
    assert [length(history) for history in (one, one, other, one)] == [0, 0, 1, 0]
    assert reads == [one, other, one]


def test_an_equal_history_is_not_the_same() -> None:
    """Whoever builds histories in a loop must not be given the reading of another."""

    @remembered
    def scenario(history: History) -> str:
        return history.header.scenario

    for name in ("one", "two"):
        assert scenario(Story(scenario=name).history()) == name
