"""The clock of the core: the loop's own, until that one is set back."""

from __future__ import annotations

import pytest

from harness.manager import Config
from harness.manager.shell.clock import SteadyClock
from harness.nemesis import Fault
from harness.verdict import Outcome
from tests.manager.story import Story


def test_it_shows_the_loops_time() -> None:
    clock = SteadyClock()
    assert [clock.read(loop_s) for loop_s in (5.0, 5.0, 4000.0)] == [5.0, 5.0, 4000.0]
    assert clock.loop_s(4010.0) == 4010.0


def test_set_back_it_counts_on_from_where_it_stood() -> None:
    clock = SteadyClock()
    clock.read(4000.0)
    assert [clock.read(loop_s) for loop_s in (400.0, 401.5, 5000.0)] == [4000.0, 4001.5, 8600.0]
    assert clock.loop_s(8610.0) == 5010.0


def test_set_back_again_it_forgets_nothing() -> None:
    clock = SteadyClock()
    assert [clock.read(loop_s) for loop_s in (10.0, 4.0, 1.0, 2.0)] == [10.0, 10.0, 10.0, 11.0]


def set_back(by_s: float, then: str) -> Story:
    faults = [Fault("clock_jump", after_s=3, by_s=-by_s), Fault(then, after_s=4)]
    return Story(faults)


@pytest.mark.parametrize("by_s", [5, 3600, 1e6])
@pytest.mark.parametrize("then", ["fin", "dead_flow", "close"])
def test_a_manager_whose_clock_was_set_back_comes_back_as_any_other(by_s: float, then: str) -> None:
    story = set_back(by_s, then)
    assert story.judgement.outcome is Outcome.VALID, story.judgement.reason
    took_s = story.joined_s[-1] - story.struck_s[-1]
    config = Config()
    assert 0 < took_s < config.heartbeat_interval_s + config.heartbeat_timeout_s + 5.0


def test_the_story_finds_who_believes_the_loops_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SteadyClock, "read", lambda self, loop_s: loop_s)
    judgement = set_back(3600, "fin").judgement
    assert judgement.checkers["recovery"].outcome is Outcome.INVALID
