"""What two runs have not in common."""

from __future__ import annotations

import pytest

from harness.store import Result
from harness.verdict import Judgement
from reports.diff import changed, compare
from reports.model import Row
from tests.reports.folders import DEAD, INVALID, SOUND, VALID, cell, recovered, says


def row(judgement: Judgement | None, scenario: str = "outage", seed: int = 1) -> Row:
    return Row(Result(cell(scenario, seed=seed), judgement), gates=True)


def test_equal_runs_have_nothing_to_say() -> None:
    assert changed(compare([row(SOUND)], [row(SOUND)])) == []


def test_noise_below_three_digits_is_no_change() -> None:
    before, after = row(recovered(VALID, 3.1401)), row(recovered(VALID, 3.1449))
    assert changed(compare([before], [after])) == []


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [(3.0, 2.0, "better"), (2.0, 3.0, "worse"), (3.0, None, "worse"), (None, 3.0, "better")],
)
def test_a_shorter_recovery_is_better(
    before: float | None, after: float | None, direction: str
) -> None:
    (change,) = compare([row(recovered(VALID, before))], [row(recovered(VALID, after))])
    assert [number.direction for number in change.numbers] == [direction]


def test_more_sends_are_neither_better_nor_worse() -> None:
    (change,) = compare([row(says(VALID, sends=1))], [row(says(VALID, sends=2))])
    assert [number.direction for number in change.numbers] == ["different"]


def test_what_is_new_and_what_is_gone_are_told_apart_from_what_changed() -> None:
    before = [row(SOUND, "gone"), row(SOUND, "kept")]
    after = [row(DEAD, "kept"), row(DEAD, "new")]
    changes = {change.key[0]: change for change in compare(before, after)}
    assert (changes["gone"].is_gone, changes["gone"].is_regression) == (True, False)
    assert (changes["kept"].is_gone, changes["kept"].is_regression) == (False, True)
    assert (changes["new"].before, changes["new"].is_regression) == (None, False)


def test_seeds_are_compared_by_their_worst() -> None:
    before = [row(SOUND, seed=1), row(SOUND, seed=2)]
    after = [row(SOUND, seed=3), row(says(INVALID), seed=4)]
    (change,) = compare(before, after)
    assert change.is_regression
