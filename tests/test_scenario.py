"""A story that could not be told is refused before it begins, in words."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from harness.generator import BadCall, call
from harness.nemesis import BadFault, Fault
from harness.scenario import BadScenario, Scenario
from harness.workloads import BadWorkload, Broadcast, Changes


@pytest.mark.parametrize(
    ("make", "error", "complaint"),
    [
        (lambda: Broadcast(clients=0), BadWorkload, "clients=0: say 1 to"),
        (lambda: Broadcast(period_s=0), BadWorkload, "period_s=0 is no period"),
        (lambda: Broadcast(sends_every_s=math.nan), BadWorkload, "sends_every_s=nan"),
        (lambda: Broadcast(topics=()), BadWorkload, "name at least one"),
        (lambda: Broadcast(topics=("a", "a")), BadWorkload, "each once"),
        (lambda: Changes(clients=0), BadWorkload, "clients=0: say 1 to"),
        (lambda: Changes(table=""), BadWorkload, "table='': name the table"),
        (lambda: Changes(inserts_every_s=0), BadWorkload, "inserts_every_s=0 is no period"),
        (lambda: call(1, "frobnicate", topic="a"), BadCall, "unknown call 'frobnicate'; known"),
        (lambda: call(1, "leave"), BadCall, "says nothing; it must say: topic"),
        (lambda: call(math.inf, "leave", topic="a"), BadCall, "at_s=inf is no moment"),
        (lambda: call("1", "leave", topic="a"), BadCall, "at_s='1' is no moment"),  # type: ignore[arg-type]
        (lambda: Fault("rst", after_s=math.nan), BadFault, "after_s=nan is no moment"),
        (lambda: Fault("rst", after_s="5"), BadFault, "after_s='5' is no moment"),  # type: ignore[arg-type]
        (lambda: Fault("rst", after_s=True), BadFault, "after_s=True is no moment"),
        (lambda: Fault("hole", after_s=1, for_s="3"), BadFault, "for_s='3' is no duration"),  # type: ignore[arg-type]
        (
            lambda: Fault("suspend", after_s=1, for_s=1e9),
            BadFault,
            "for_s=1000000000.0 is no duration; say more than 0 and at most 144,000, the longest",
        ),
        (
            lambda: Fault("rst", after_s=144_001),
            BadFault,
            "after_s=144001 is no moment; say 0 or more and at most 144,000, the longest story",
        ),
        (
            lambda: Scenario(faults=[Fault("hole", after_s=80_000, for_s=80_000)]),
            BadScenario,
            "the story may take 160,051 s after its steady state; let it end within 144,000",
        ),
        (
            lambda: Scenario(calls=[call(1e300, "leave", topic="room")]),
            BadScenario,
            "let it end within 144,000",
        ),
        (
            lambda: Scenario(faults=[Fault("clock_jump", after_s=3, by_s=1e300)]),
            BadFault,
            "by_s=1e.300 is not a number other than 0, at most 1e9 either way, below 0 for the "
            "past, in seconds",
        ),
        (
            lambda: Scenario(faults=[Fault("server_clock_jump", after_s=3, for_s=1, by_s=2e9)]),
            BadFault,
            "by_s=2000000000.0 is not a number other than 0, at most 1e9 either way",
        ),
        (lambda: Fault(5, after_s=1), BadFault, "named by a text, as 'rst', not by 5"),  # type: ignore[arg-type]
        (lambda: Broadcast(clients="2"), BadWorkload, "clients='2': say 1 to"),  # type: ignore[arg-type]
        (lambda: Broadcast(period_s="2"), BadWorkload, "period_s='2' is no period"),  # type: ignore[arg-type]
        (lambda: Scenario(faults=["rst"]), BadFault, "is no list of faults, as"),  # type: ignore[list-item]
        (
            lambda: Scenario(faults=Fault("rst", after_s=1)),  # type: ignore[arg-type]
            BadFault,
            "is no list of faults, as",
        ),
        (lambda: Scenario(settle_s="5"), BadScenario, "settle_s='5' is no duration"),  # type: ignore[arg-type]
        (lambda: Scenario(checkers={"mine": 3}), BadScenario, "checker 'mine' is 3"),  # type: ignore[dict-item]
        (
            lambda: Scenario(faults=[Fault("late", after_s=3, for_s=1, delay_s=10**400)]),
            BadFault,
            "is not a number from 0 to 1e9, in seconds",
        ),
        (
            lambda: Scenario(faults=[Fault("unknown_event", after_s=3, payload={"a": object()})]),
            BadFault,
            "is not an object of JSON",
        ),
        (
            lambda: Scenario(faults=[Fault("slicer", after_s=3, for_s=1, average_size=0)]),
            BadFault,
            "say 1 or more bytes",
        ),
        (
            lambda: Scenario(faults=[Fault("bandwidth", after_s=3, for_s=1, rate=0)]),
            BadFault,
            "say toxic 'timeout' with timeout 0",
        ),
        (
            lambda: Scenario(calls=[call(1, "leave", process="client-9", topic="room")]),
            BadScenario,
            "call by 'client-9'; the clients are: client-0",
        ),
        (lambda: Scenario(worlds=("mars",)), BadScenario, "unknown world 'mars'; known"),
        (lambda: Scenario(recovery_within_s=0), BadScenario, "recovery_within_s=0"),
        (
            lambda: Scenario(
                faults=[
                    Fault("refuse", after_s=3, for_s=10),
                    Fault("refuse", after_s=5, for_s=40),
                ]
            ),
            BadFault,
            "begins before the 'refuse' in front of it is over",
        ),
        (
            lambda: Scenario(faults=[Fault("rst", after_s=3), Fault("rst", after_s=3)]),
            BadFault,
            "make them one",
        ),
        (
            lambda: Scenario(faults=[Fault("slow", after_s=3, for_s=1, latency_s="x")]),
            BadFault,
            "latency_s='x' is not a number",
        ),
        (
            lambda: Scenario(faults=[Fault("drain", after_s=3, batch=1.5)]),
            BadFault,
            "batch=1.5 is not a whole number",
        ),
    ],
)
def test_what_could_not_be_told_is_refused(
    make: Callable[[], object], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        make()


def test_faults_of_different_names_may_overlap() -> None:
    faults = [Fault("refuse", after_s=3, for_s=10), Fault("late_joins", after_s=5, for_s=40)]
    assert Scenario(faults=faults).calm_s == 45


def test_a_story_lasts_until_it_has_settled() -> None:
    story = Scenario(faults=[Fault("refuse", after_s=3, for_s=20)], recovery_within_s=31)
    assert story.duration_s == 60
