"""Makes a schedule that breaks something smaller, as long as it still does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.nemesis.fault import BadFault, Fault
from harness.nemesis.registry import check_schedule

SHORTEST_S = 1.0
"""No duration or gap is shortened below this."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest schedule found that still breaks, after `tries` runs."""

    faults: list[Fault]
    tries: int
    exhausted: bool
    """Whether the bound on tries ended the search: a smaller one may exist."""


def shrink(
    faults: Sequence[Fault], breaks: Callable[[list[Fault]], bool], *, tries_max: int
) -> Shrunk:
    """Take the first smaller schedule that still breaks, again and again (ddmin, Zeller 2002).

    `breaks` runs a schedule; it is asked once for each, at most `tries_max` times, and never for
    `faults` itself, which is known to break.
    """
    smallest, tried = list(faults), {repr(list(faults))}
    found = True
    while found:
        found = False
        for candidate in smaller(smallest):
            if repr(candidate) in tried or not _can_strike(candidate):
                continue
            if len(tried) > tries_max:
                return Shrunk(smallest, len(tried) - 1, exhausted=True)
            tried.add(repr(candidate))
            if found := breaks(candidate):
                smallest = candidate
                break
    return Shrunk(smallest, len(tried) - 1, exhausted=False)


def _can_strike(faults: Sequence[Fault]) -> bool:
    """Some parameter may be left out only with another."""
    try:
        check_schedule(faults)
    except BadFault:
        return False
    return True


def smaller(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """Schedules that are a step smaller, the boldest first: parts left out, defaults, less time."""
    yield from _without_a_part(faults)
    yield from _with_a_default(faults)
    yield from _with_less_time(faults)


def _without_a_part(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """Leave out a half, a quarter … one; of one fault, that one."""
    size = len(faults) // 2 or len(faults)
    while size:
        for start in range(0, len(faults), size):
            yield [*faults[:start], *faults[start + size :]]
        size //= 2


def _with_a_default(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    for place, fault in enumerate(faults):
        for name in fault.parameters:
            rest = {key: value for key, value in fault.parameters.items() if key != name}
            plain = Fault(fault.name, after_s=fault.after_s, for_s=fault.for_s, **rest)
            yield [*faults[:place], plain, *faults[place + 1 :]]


def _with_less_time(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """Halve a duration, or the wait before a fault; what comes later moves along."""
    for place, fault in enumerate(faults):
        if fault.for_s is not None and fault.for_s / 2 >= SHORTEST_S:
            shorter = fault.moved(fault.after_s, for_s=round(fault.for_s / 2, 1))
            yield [*faults[:place], shorter, *faults[place + 1 :]]
    ended_s = 0.0
    for place, fault in enumerate(faults):
        sooner_s = round((fault.after_s - ended_s) / 2, 1)
        if sooner_s >= SHORTEST_S:
            yield [
                *faults[:place],
                *(later.moved(later.after_s - sooner_s) for later in faults[place:]),
            ]
        ended_s = max(ended_s, fault.ends_s)
