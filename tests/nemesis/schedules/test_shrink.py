"""Shrinking: smaller as long as it breaks, and never without end."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from harness.nemesis import Fault, check_schedule
from harness.nemesis.schedules import choice, drawn, shrink, smaller

MENU = (
    choice("close", code=1001),
    choice("mute_live"),
    choice("restart", for_s=(2, 20)),
    choice("late_joins", for_s=(5, 30), delay_s=3.0),
)


def two_restarts(faults: list[Fault]) -> bool:
    return [fault.name for fault in faults].count("restart") >= 2


def test_a_long_schedule_shrinks_to_what_matters() -> None:
    faults = drawn(Random(1), MENU, storm_s=1000)
    assert len(faults) > 30
    shrunk = shrink(faults, two_restarts, tries_max=200)
    assert [fault.name for fault in shrunk.faults] == ["restart", "restart"]
    assert all(fault.for_s is not None and fault.for_s < 2 for fault in shrunk.faults)
    assert shrunk.faults[-1].ends_s < 10
    assert not shrunk.exhausted


def test_parameters_return_to_their_defaults_unless_they_matter() -> None:
    faults = [Fault("late_joins", after_s=1, for_s=1, delay_s=3.0, count=2)]
    shrunk = shrink(
        faults, lambda all_: "count" in all_[0].parameters if all_ else False, tries_max=50
    )
    assert [dict(fault.parameters) for fault in shrunk.faults] == [{"count": 2}]


def test_what_breaks_without_any_fault_is_said_so() -> None:
    assert shrink([Fault("mute_live", after_s=1)], lambda _: True, tries_max=50).faults == []


def test_shrinking_has_a_bound() -> None:
    runs: list[list[Fault]] = []

    def breaks(faults: list[Fault]) -> bool:
        runs.append(faults)
        return two_restarts(faults)

    shrunk = shrink(drawn(Random(1), MENU, storm_s=1000), breaks, tries_max=5)
    assert len(runs) == shrunk.tries == 5
    assert shrunk.exhausted


@given(st.integers(0, 200), st.integers(1, 2))
def test_every_smaller_schedule_can_strike(seed: int, side_by_side: int) -> None:
    faults = drawn(Random(seed), MENU, storm_s=100, side_by_side=side_by_side)
    for one in smaller(faults):
        check_schedule(one)
        assert len(one) <= len(faults)
        assert max((fault.ends_s for fault in one), default=0) <= max(
            (fault.ends_s for fault in faults), default=0
        )
