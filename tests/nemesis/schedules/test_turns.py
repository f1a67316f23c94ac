"""Schedules that repeat, and storms that end."""

import pytest

from harness.nemesis import BadFault, Fault
from harness.nemesis.schedules import flip_flop, healed_by, periodic
from harness.scenario import BadScenario, storm_then_heal

RESTART = Fault("restart", after_s=5, for_s=4)
CLOSE = Fault("close", after_s=1, code=1001)


def test_a_periodic_fault_strikes_again_and_again() -> None:
    faults = periodic(RESTART, every_s=10, times=3)
    assert [(fault.after_s, fault.for_s) for fault in faults] == [(5, 4), (15, 4), (25, 4)]


def test_flip_flop_takes_turns_and_keeps_parameters() -> None:
    faults = flip_flop(RESTART, CLOSE, every_s=6, times=3)
    assert [(fault.name, fault.after_s) for fault in faults] == [
        ("restart", 5),
        ("close", 11),
        ("restart", 17),
    ]
    assert faults[1].parameters == {"code": 1001}


@pytest.mark.parametrize(
    ("every_s", "times", "complaint"),
    [
        (4, 2, "say every_s above 4"),
        (0, 2, "every_s=0 is no period"),
        (10, 0, "times=0 is no number of turns"),
        (float("nan"), 2, "every_s=nan is no period"),
    ],
)
def test_turns_that_cannot_be_taken_are_refused(every_s: float, times: int, complaint: str) -> None:
    with pytest.raises(BadFault, match=complaint):
        periodic(RESTART, every_s=every_s, times=times)


def test_no_fault_cannot_take_turns() -> None:
    with pytest.raises(BadFault, match="name one or more"):
        flip_flop(every_s=1, times=1)


def test_every_fault_is_over_when_the_storm_is() -> None:
    late = Fault("mute_live", after_s=20)
    faults = healed_by([CLOSE, RESTART, late], 7)
    assert [(fault.name, fault.ends_s) for fault in faults] == [("close", 1), ("restart", 7)]


def test_after_the_storm_a_deadline_runs() -> None:
    story = storm_then_heal([RESTART], storm_s=8, liveness_within_s=12, settle_s=1)
    assert (story.calm_s, story.recovery_within_s, story.settle_s) == (8, 12, 1)


def test_a_storm_and_its_deadline_need_a_length() -> None:
    with pytest.raises(BadFault, match="storm_s=0 is no duration"):
        storm_then_heal([RESTART], storm_s=0, liveness_within_s=12)
    with pytest.raises(BadScenario, match="recovery_within_s"):
        storm_then_heal([RESTART], storm_s=8, liveness_within_s=0)
