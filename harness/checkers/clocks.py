"""Clocks: what the clock of each client showed, for what it says of time is said by that clock."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from harness.checkers.course import Struck
from harness.checkers.spans import Span

_DRIFT, _JUMP, _KILL = "clock_drift", "clock_jump", "kill"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a clock went from one moment on, until the next of them."""

    from_s: float
    shown_s: float
    """What it showed then."""
    factor: float
    """So many times as fast as a true one."""

    def shows(self, true_s: float) -> float:
        """What it shows at a moment."""
        return self.shown_s + (true_s - self.from_s) * self.factor

    def moment_of(self, shown_s: float) -> float:
        """When it shows that."""
        return self.from_s + (shown_s - self.shown_s) / self.factor


RIGHT = Pace(0.0, 0.0, 1.0)


@dataclass(slots=True)
class Clock:
    """The clock of one process: right until the first fault of it, and kept wrong afterwards."""

    paces: list[Pace] = field(default_factory=lambda: [RIGHT])

    def set(self, at_s: float, *, factor: float | None = None, by_s: float = 0.0) -> None:
        """It goes at another speed from a moment on, or shows so much more."""
        now = self.paces[-1]
        self.paces.append(
            Pace(at_s, now.shows(at_s) + by_s, now.factor if factor is None else factor)
        )

    def shows(self, true_s: float) -> float:
        """What it shows at a moment."""
        return self._until(true_s)[-1].shows(true_s)

    def is_right(self, span: Span) -> bool:
        """Whether it neither jumped nor drifted meanwhile."""
        gone = self._until(span.to_s)
        return gone[-1].factor == 1.0 and gone[-1].from_s <= max(span.from_s, 0.0)

    def passed_s(self, span: Span) -> float:
        """How long a span took, by this clock; no more than it truly took, and negative where the
        clock was set back further."""
        true_s = span.to_s - span.from_s
        return min(true_s, self.shows(span.to_s) - self.shows(span.from_s))

    def began_s(self, at_s: float, last_s: float) -> float:
        """When that began, truly, of which its process says at a moment that it is `last_s` ago.

        Where a clock that was set back showed the same twice, the first time counts; what it
        skipped as it was set ahead was at that moment.
        """
        gone = self._until(at_s)
        shown_s = gone[-1].shows(at_s) - last_s
        ends_s = [*(pace.from_s for pace in gone[1:]), at_s]
        for pace, end_s in zip(gone, ends_s, strict=True):
            from_s = -math.inf if pace is gone[0] else pace.from_s
            moment_s = pace.moment_of(shown_s)
            if from_s <= moment_s <= end_s:
                return moment_s
        for before, after in pairwise(gone):
            if before.shows(after.from_s) < shown_s < after.shown_s:
                return after.from_s
        return at_s

    def _until(self, moment_s: float) -> list[Pace]:
        return [pace for pace in self.paces if pace is RIGHT or pace.from_s <= moment_s]


class Clocks:
    """The clocks of all clients. One that is killed comes back with a clock that is right."""

    def __init__(self, faults: Iterable[Struck]) -> None:
        self._faults = list(faults)
        self._of: dict[str, list[tuple[float, Clock]]] = {}

    def of(self, client: str, at_s: float) -> Clock:
        """The clock of the process that the client was at a moment."""
        if client not in self._of:
            self._of[client] = list(_lives(client, self._faults))
        return [clock for from_s, clock in self._of[client] if from_s <= at_s][-1]


def _lives(client: str, faults: Iterable[Struck]) -> Iterator[tuple[float, Clock]]:
    """Each process of a client, with the moment from which on it is the one."""
    of_client = [fault for fault in faults if fault.struck(client)]
    kills = [Span(one.start_s, one.until_s) for one in of_client if one.fault == _KILL]
    starts_s = [-math.inf, *(kill.from_s for kill in kills)]
    for from_s, to_s in pairwise([*starts_s, math.inf]):
        yield from_s, _clock(of_client, kills, Span(from_s, to_s))


def _clock(faults: Iterable[Struck], kills: Iterable[Span], life: Span) -> Clock:
    """What befell the clock in one life. A process that is dead hears of nothing."""
    dead = list(kills)
    acts: dict[float, list[dict[str, float]]] = defaultdict(list)
    for fault in faults:
        if fault.start_s not in life or any(fault.start_s in span for span in dead):
            continue
        if fault.fault == _JUMP:
            acts[fault.start_s].append({"by_s": float(fault.parameters["by_s"])})
        elif fault.fault == _DRIFT:
            acts[fault.start_s].append({"factor": float(fault.parameters["factor"])})
            if fault.until_s in life:
                acts[fault.until_s].append({"factor": 1.0})
    clock = Clock()
    for at_s in sorted(acts):
        for act in acts[at_s]:
            clock.set(at_s, **act)
    return clock
