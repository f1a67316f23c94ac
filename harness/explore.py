"""Looks for the smallest schedule that breaks a client, within a bounded number of tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from harness.scenario import Scenario
from harness.verdict import Judgement, Outcome, Sli, Verdict

SHRINKS_MAX = 60
"""Runs spent on making a failing schedule smaller; a red property still ends soon."""


class _Broken(Exception):
    """An example that breaks the client; Hypothesis looks for a smaller one."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What a search found: the smallest schedule that breaks the client, or the last tried."""

    scenario: Scenario
    broken: bool
    runs: int


class _Search:
    def __init__(self, judge: Callable[[Scenario], Judgement], shrinks_max: int) -> None:
        self._judge = judge
        self._shrinks_left = shrinks_max
        # Hypothesis replays examples and must see the same answer each time.
        self._broken: dict[str, bool] = {}
        self.smallest: Scenario | None = None
        self.last: Scenario | None = None

    @property
    def runs(self) -> int:
        return len(self._broken)

    def check(self, scenario: Scenario) -> None:
        if self._is_broken(scenario):
            self.smallest = scenario
            raise _Broken

    def _is_broken(self, scenario: Scenario) -> bool:
        key = repr(scenario)
        if key not in self._broken:
            if self.smallest is not None:
                if self._shrinks_left == 0:
                    return False
                self._shrinks_left -= 1
            self.last = scenario
            self._broken[key] = self._judge(scenario).outcome is Outcome.INVALID
        return self._broken[key]


def explore(
    scenarios: SearchStrategy[Scenario],
    judge: Callable[[Scenario], Judgement],
    *,
    from_seed: int,
    examples_max: int = 100,
    shrinks_max: int = SHRINKS_MAX,
) -> Explored:
    """Draw scenarios until one is judged invalid, then shrink it; the same seed draws the same."""
    search = _Search(judge, shrinks_max)

    @seed(from_seed)
    @settings(
        max_examples=examples_max,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios)
    def holds(scenario: Scenario) -> None:
        search.check(scenario)

    try:
        holds()
    except _Broken:
        assert search.smallest is not None
        return Explored(search.smallest, True, search.runs)
    assert search.last is not None
    return Explored(search.last, False, search.runs)


def schedules_verdict(found: Explored) -> Verdict:
    """Say in words what a search found."""
    slis = {"schedules": Sli(value=found.runs, unit="schedules")}
    if not found.broken:
        reason = f"all {found.runs} schedules of faults were survived"
        return Verdict(Outcome.VALID, reason, {}, slis)
    faults = [repr(fault) for fault in found.scenario.faults]
    reason = f"broken by {', then '.join(faults)} (the smallest of {found.runs} schedules tried)"
    return Verdict(Outcome.INVALID, reason, {"faults": faults}, slis)
