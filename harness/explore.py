"""Looks for the smallest schedule that breaks a client, within a bounded number of tries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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
    """What a search found: the smallest schedule that breaks the client, or one that did not."""

    scenario: Scenario
    broken: bool
    runs: int
    survived: int
    """Runs that were valid; what is left over told nothing (a fault that nobody felt)."""


class _Search:
    def __init__(self, judge: Callable[[Scenario], Judgement], shrinks_max: int) -> None:
        self._judge = judge
        self._shrinks_left = shrinks_max
        # Hypothesis replays examples and must see the same answer each time.
        self._outcomes: dict[str, Outcome] = {}
        self.smallest: Scenario | None = None
        self.last: Scenario | None = None
        self.last_survived: Scenario | None = None

    def explored(self) -> Explored:
        scenario = self.smallest or self.last_survived or self.last
        assert scenario is not None, "Hypothesis drew no scenario"
        outcomes = list(self._outcomes.values())
        survived = outcomes.count(Outcome.VALID)
        return Explored(scenario, self.smallest is not None, len(outcomes), survived)

    def check(self, scenario: Scenario) -> None:
        if self._is_broken(scenario):
            self.smallest = scenario
            raise _Broken

    def _is_broken(self, scenario: Scenario) -> bool:
        key = repr(scenario)
        if key not in self._outcomes:
            if self.smallest is not None:
                if self._shrinks_left == 0:
                    return False
                self._shrinks_left -= 1
            self._outcomes[key] = self._run(scenario)
        return self._outcomes[key] is Outcome.INVALID

    def _run(self, scenario: Scenario) -> Outcome:
        outcome = self._judge(scenario).outcome
        self.last = scenario
        if outcome is Outcome.VALID:
            self.last_survived = scenario
        return outcome


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

    with suppress(_Broken):
        holds()
    return search.explored()


def schedules_verdict(found: Explored) -> Verdict:
    """Say in words what a search found."""
    slis = {"schedules": Sli(value=found.runs, unit="schedules")}
    if not found.broken:
        silent = found.runs - found.survived
        told_nothing = f"; {silent} more had a fault that nobody felt" if silent else ""
        reason = f"{found.survived} schedules of faults were survived{told_nothing}"
        outcome = Outcome.VALID if found.survived else Outcome.UNKNOWN
        return Verdict(outcome, reason, {"survived": found.survived}, slis)
    faults = [repr(fault) for fault in found.scenario.faults]
    reason = f"broken by {', then '.join(faults)} (the smallest of {found.runs} schedules tried)"
    return Verdict(Outcome.INVALID, reason, {"faults": faults}, slis)
