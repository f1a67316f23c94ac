"""What the clocks of clients showed while a fault set them wrong."""

from __future__ import annotations

import math

import pytest

from harness.checkers.clocks import Clock, Clocks
from harness.checkers.course import struck
from harness.checkers.spans import Span
from tests.checkers.story import Story


def clock_of(story: Story, at_s: float = 1000.0, client: str = "client-0") -> Clock:
    return Clocks(struck(story.history())).of(client, at_s)


def slow() -> Story:
    """A fifth of the true speed, from 10 s to 110 s."""
    return Story().fault("clock_drift", 10.0, 110.0, factor=0.2)


def test_a_clock_that_no_fault_touched_is_right() -> None:
    clock = clock_of(Story().fault("hole", 10.0, 20.0))
    assert clock.shows(50.0) == 50.0
    assert clock.is_right(Span(0.0, 50.0))
    assert clock.began_s(50.0, 12.0) == 38.0
    assert clock.began_s(50.0, 1e9) == 50.0 - 1e9


def test_a_slow_clock_counts_less_than_passed_and_keeps_what_it_lost() -> None:
    clock = clock_of(slow())
    assert clock.shows(110.0) == pytest.approx(30.0)
    assert clock.shows(120.0) == pytest.approx(40.0)
    assert clock.passed_s(Span(20.0, 60.0)) == pytest.approx(8.0)
    assert clock.passed_s(Span(120.0, 160.0)) == pytest.approx(40.0)
    assert not clock.is_right(Span(20.0, 60.0))
    assert not clock.is_right(Span(5.0, 60.0))
    assert not clock.is_right(Span(100.0, 120.0))
    assert clock.is_right(Span(111.0, 120.0))
    assert clock.is_right(Span(1.0, 9.0))


@pytest.mark.parametrize(
    ("at_s", "last_s", "began_s"),
    [(60.0, 8.0, 20.0), (60.0, 15.0, 5.0), (120.0, 12.0, 100.0), (120.0, 5.0, 115.0)],
)
def test_what_a_slow_clock_says_of_the_past_is_longer_ago(
    at_s: float, last_s: float, began_s: float
) -> None:
    assert clock_of(slow()).began_s(at_s, last_s) == pytest.approx(began_s)


def test_a_fast_clock_reaches_no_further_back_than_it_says_and_no_bound_grows() -> None:
    clock = clock_of(Story().fault("clock_drift", 10.0, 110.0, factor=10.0))
    assert clock.began_s(60.0, 100.0) == pytest.approx(50.0)
    assert clock.passed_s(Span(20.0, 60.0)) == pytest.approx(40.0)


def test_what_a_clock_skipped_was_when_it_jumped() -> None:
    clock = clock_of(Story().fault("clock_jump", 20.0, by_s=3600.0))
    assert clock.began_s(30.0, 5.0) == pytest.approx(25.0)
    assert clock.began_s(30.0, 1000.0) == pytest.approx(20.0)
    assert clock.began_s(30.0, 3615.0) == pytest.approx(15.0)


def test_what_a_clock_showed_twice_was_the_first_time() -> None:
    clock = clock_of(Story().fault("clock_jump", 100.0, by_s=-60.0))
    assert clock.began_s(110.0, -45.0) == pytest.approx(95.0)
    assert clock.began_s(110.0, 5.0) == pytest.approx(45.0)
    assert clock.began_s(300.0, 100.0) == pytest.approx(200.0)
    assert clock.began_s(110.0, -500.0) == 110.0
    assert clock.passed_s(Span(90.0, 150.0)) == pytest.approx(0.0)


def test_only_victims_have_a_wrong_clock() -> None:
    story = Story().fault("clock_jump", 20.0, by_s=9.0, victims=["client-1"])
    assert clock_of(story).shows(30.0) == 30.0
    assert clock_of(story, client="client-1").shows(30.0) == 39.0


def test_a_client_that_was_killed_comes_back_with_a_right_clock() -> None:
    story = slow().fault("kill", 50.0, 55.0).fault("clock_jump", 52.0, by_s=9.0)
    story.fault("clock_jump", 60.0, by_s=1.0)
    assert clock_of(story, 49.0).shows(45.0) == pytest.approx(17.0)
    after = clock_of(story, 58.0)
    assert after.shows(58.0) == 58.0
    assert after.shows(61.0) == 62.0


def test_a_drift_without_a_heal_lasts() -> None:
    clock = clock_of(Story().fault("clock_drift", 10.0, factor=0.5))
    assert clock.shows(110.0) == pytest.approx(60.0)
    assert clock.began_s(110.0, math.inf) == -math.inf
