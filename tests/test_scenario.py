"""A story that could not be told is refused before it begins, in words."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from harness.generator import BadCall, call
from harness.nemesis import BadFault, Fault
from harness.scenario import BadScenario, Scenario
from harness.workloads import BadWorkload, Broadcast


@pytest.mark.parametrize(
    ("make", "error", "complaint"),
    [
        (lambda: Broadcast(clients=0), BadWorkload, "clients=0: say 1 to"),
        (lambda: Broadcast(period_s=0), BadWorkload, "period_s=0 is no period"),
        (lambda: Broadcast(sends_every_s=math.nan), BadWorkload, "sends_every_s=nan"),
        (lambda: Broadcast(topics=()), BadWorkload, "name at least one"),
        (lambda: Broadcast(topics=("a", "a")), BadWorkload, "each once"),
        (lambda: call(1, "frobnicate", topic="a"), BadCall, "unknown call 'frobnicate'; known"),
        (lambda: call(1, "leave"), BadCall, "says nothing; it must say: topic"),
        (lambda: call(math.inf, "leave", topic="a"), BadCall, "at_s=inf is no moment"),
        (lambda: Fault("rst", after_s=math.nan), BadFault, "after_s=nan is no moment"),
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
