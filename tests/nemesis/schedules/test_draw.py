"""Schedules by chance: fixed by a seed, within bounds, and a swarm's never of the whole menu."""

import itertools
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.entropy import substream
from harness.nemesis import BadFault, Fault, check_schedule
from harness.nemesis.schedules import Between, OneOf, choice, drawn, swarm, swizzle

MENU = (
    choice("close", code=OneOf(1000, 1001, 1011)),
    choice("mute_live"),
    choice("restart", for_s=(2, 20)),
    choice("late_joins", for_s=(5, 30), delay_s=Between(0.5, 15.0), count=Between(1, 5)),
)


@given(
    st.integers(0, 2**64 - 1),
    st.integers(1, 300),
    st.integers(1, 4),
    st.sampled_from([drawn, swarm]),
)
def test_what_is_drawn_can_strike(seed: int, storm_s: int, side_by_side: int, how: Any) -> None:
    faults = how(Random(seed), MENU, storm_s=storm_s, side_by_side=side_by_side)
    check_schedule(faults)
    assert [fault.after_s for fault in faults] == sorted(fault.after_s for fault in faults)
    assert all(0 < fault.after_s < storm_s for fault in faults)


def test_the_same_seed_draws_the_same_schedule() -> None:
    def draw(seed: int) -> list[Fault]:
        return swarm(substream(seed, "faults"), MENU, storm_s=200, side_by_side=2)

    assert repr(draw(3)) == repr(draw(3))
    assert repr(draw(3)) != repr(draw(4))


def test_one_after_another_means_that_none_overlap() -> None:
    faults = drawn(Random(1), MENU, storm_s=1000, gap_s=(2, 5))
    assert len(faults) > 20
    gaps = [after.after_s - before.ends_s for before, after in itertools.pairwise(faults)]
    assert all(1.9 < gap < 5.1 for gap in gaps)


def test_side_by_side_means_that_some_do() -> None:
    faults = drawn(Random(1), MENU, storm_s=1000, side_by_side=3)
    overlaps = [a for a, b in itertools.pairwise(faults) if b.after_s < a.ends_s]
    assert overlaps


def test_parameters_are_drawn_within_their_range() -> None:
    faults = drawn(Random(1), MENU, storm_s=3000)
    late = [fault.parameters for fault in faults if fault.name == "late_joins"]
    assert all(0.5 <= one["delay_s"] <= 15 and 1 <= one["count"] <= 5 for one in late)
    assert {type(one["count"]) for one in late} == {int}
    codes = {fault.parameters["code"] for fault in faults if fault.name == "close"}
    assert codes == {1000, 1001, 1011}


def test_a_swarm_leaves_faults_out_altogether() -> None:
    """Over many runs each fault is missing from about half, and each is alone in some."""
    runs = [{fault.name for fault in swarm(Random(seed), MENU, storm_s=400)} for seed in range(200)]
    missing = Counter(one.name for one in MENU for run in runs if one.name not in run)
    assert all(60 < missing[one.name] < 140 for one in MENU)
    assert {frozenset({one.name}) for one in MENU} <= set(map(frozenset, runs))


def test_weights_count() -> None:
    faults = drawn(Random(1), MENU, storm_s=500, weights=[0, 1, 0, 0])
    assert {fault.name for fault in faults} == {"mute_live"}


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"menu": ()}, "an empty menu"),
        ({"menu": ["rst"]}, "the menu offers 'rst'; write it as choice"),
        ({"storm_s": 0}, "storm_s=0 is no duration"),
        ({"storm_s": "9"}, "storm_s='9' is no duration"),
        ({"storm_s": float("inf")}, "storm_s=inf is no duration"),
        ({"gap_s": (0, 5)}, "its least is 0.1 s"),
        ({"gap_s": (5.0, 1.0)}, "no number to draw"),
        ({"storm_s": 1e9, "gap_s": (0.1, 0.1), "menu": MENU[:1]}, "more than 10000 faults"),
    ],
)
def test_what_cannot_be_drawn_is_refused(how: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadFault, match=complaint):
        drawn(Random(1), **{"menu": MENU, "storm_s": 10, **how})


def test_one_of_nothing_cannot_be_drawn() -> None:
    with pytest.raises(BadFault, match="name some"):
        OneOf()


def test_swizzle_heals_in_another_order_than_it_cuts() -> None:
    clients = [f"client-{number}" for number in range(5)]
    for seed in range(20):
        faults = swizzle(Random(seed), clients, after_s=3, step_s=2, hold_s=10)
        assert [fault.after_s for fault in faults] == [3, 5, 7, 9, 11]
        cut = [fault.parameters["clients"][0] for fault in faults]
        healed = [
            fault.parameters["clients"][0] for fault in sorted(faults, key=lambda f: f.ends_s)
        ]
        assert sorted(cut) == sorted(healed) == clients
        assert cut != healed
        assert min(fault.ends_s for fault in faults) == 21


@pytest.mark.parametrize("clients", [[], ["client-0"], ["client-0", "client-0"], "client-0"])
def test_swizzle_takes_two_or_more(clients: list[str] | str) -> None:
    with pytest.raises(BadFault, match="two or more"):
        swizzle(Random(1), clients)
