"""Looks for the smallest schedule that breaks a client, within a bounded number of tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from harness.nemesis import Fault
from harness.nemesis.schedules import shrink
from harness.verdict import Judgement, Outcome, Sli, Verdict

SHRINKS_MAX = 60
"""Runs spent on making a failing schedule smaller; a red property still ends soon."""

Judge = Callable[[list[Fault]], Judgement]
"""Runs a schedule, and judges what the client made of it."""


class _Broken(Exception):
    """An example that breaks the client; it ends the search."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What a search found: the smallest schedule that breaks the client, or one that did not."""

    faults: list[Fault]
    broken: bool
    runs: int
    survived: int
    """Runs that were valid; what is left over told nothing (a fault that nobody felt)."""
    exhausted: bool = False
    """Whether the bound on shrinking ended the search: a smaller schedule may exist."""


class _Search:
    """Judges each schedule once, and keeps count."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._outcomes: dict[str, Outcome] = {}
        self.broken: list[Fault] | None = None
        self._exhausted = False
        self._last: list[Fault] = []
        self._last_survived: list[Fault] | None = None

    def check(self, faults: list[Fault]) -> None:
        if self.breaks(faults):
            self.broken = faults
            raise _Broken

    def breaks(self, faults: list[Fault]) -> bool:
        key = repr(faults)
        if key not in self._outcomes:
            self._outcomes[key] = self._run(faults)
        return self._outcomes[key] is Outcome.INVALID

    def shrink(self, faults: Sequence[Fault], tries_max: int) -> None:
        """Look for a smaller schedule than one that is known to break."""
        shrunk = shrink(faults, self.breaks, tries_max=tries_max)
        self.broken, self._exhausted = shrunk.faults, shrunk.exhausted

    def _run(self, faults: list[Fault]) -> Outcome:
        outcome = self._judge(faults).outcome
        self._last = faults
        if outcome is Outcome.VALID:
            self._last_survived = faults
        return outcome

    def explored(self) -> Explored:
        faults = self.broken or self._last_survived or self._last
        outcomes = list(self._outcomes.values())
        survived = outcomes.count(Outcome.VALID)
        broken = self.broken is not None
        return Explored(faults, broken, len(outcomes), survived, self._exhausted)


def explore(
    schedules: SearchStrategy[list[Fault]],
    judge: Judge,
    *,
    from_seed: int,
    examples_max: int = 100,
    shrinks_max: int = SHRINKS_MAX,
) -> Explored:
    """Draw schedules until one is judged invalid, then shrink it; the same seed draws the same."""
    search = _Search(judge)

    @seed(from_seed)
    @settings(
        max_examples=examples_max,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(schedules)
    def holds(faults: list[Fault]) -> None:
        search.check(faults)

    with suppress(_Broken):
        holds()
    if search.broken is not None:
        search.shrink(search.broken, shrinks_max)
    return search.explored()


def smallest(faults: Sequence[Fault], judge: Judge, *, shrinks_max: int = SHRINKS_MAX) -> Explored:
    """Shrink a schedule that is known to break the client."""
    search = _Search(judge)
    search.shrink(faults, shrinks_max)
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
    faults = [repr(fault) for fault in found.faults]
    broken_by = f"broken by {', then '.join(faults)}" if faults else "broken without any fault"
    bound = "; a smaller one may exist, but the tries are used up" if found.exhausted else ""
    reason = f"{broken_by} (the smallest of {found.runs} schedules tried{bound})"
    return Verdict(Outcome.INVALID, reason, {"faults": faults}, slis)
