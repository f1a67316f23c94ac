"""Facts about the schedule: fixed in advance, evenly spaced, users out of step with each other."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from harness.entropy import substream
from loadtests.schedule import deadlines


def first(count: int, *, seed: int = 1, period_s: float = 1.0) -> list[float]:
    return list(islice(deadlines(100.0, period_s, substream(seed, "load/1")), count))


def test_a_message_is_due_each_period() -> None:
    times_s = first(100_000, period_s=0.1)
    gaps_s = [later - sooner for sooner, later in pairwise(times_s)]
    assert gaps_s == pytest.approx([0.1] * len(gaps_s))
    assert times_s[-1] - times_s[0] == pytest.approx(0.1 * 99_999), "rounding has added up"


def test_the_first_is_due_within_the_first_period() -> None:
    assert all(100.0 <= first(1, seed=seed)[0] < 101.0 for seed in range(50))


def test_users_are_out_of_step() -> None:
    """Users that start together and send together make a pulse, not a load."""
    tenths = {int(first(1, seed=seed)[0] * 10) for seed in range(200)}
    assert len(tenths) == 10


def test_the_same_seed_gives_the_same_times() -> None:
    assert first(5, seed=3) == first(5, seed=3)
