"""Schedules that repeat: one fault every so often, or several that take turns."""

from __future__ import annotations

import itertools

from harness.nemesis.fault import BadFault, Fault
from harness.numeric import is_number, is_whole

TURNS_MAX = 10_000


def periodic(fault: Fault, *, every_s: float, times: int) -> list[Fault]:
    """The fault `times` times, first at its own `after_s`, then every `every_s` seconds.

    `periodic(Fault("rst", after_s=5), every_s=20, times=3)` strikes at 5, 25 and 45 s. Raises
    `BadFault` for a period that is over before the fault is, or more than `TURNS_MAX` times.
    """
    return flip_flop(fault, every_s=every_s, times=times)


def flip_flop(*faults: Fault, every_s: float, times: int) -> list[Fault]:
    """The faults in turns, `times` in all: one begins every `every_s` seconds.

    The first begins at its own `after_s`, from which the turns are counted. Raises `BadFault`.
    """
    if not faults:
        raise BadFault("no fault takes turns with none: name one or more")
    if not (is_whole(times) and 1 <= times <= TURNS_MAX):
        raise BadFault(f"times={times!r} is no number of turns; say 1 to {TURNS_MAX}")
    if not (is_number(every_s) and every_s > 0):
        raise BadFault(f"every_s={every_s!r} is no period; say more than 0")
    for fault in faults:
        if (fault.for_s or 0.0) >= every_s:
            raise BadFault(
                f"{fault!r} is not over when its turn ends: say every_s above {fault.for_s:g}"
            )
    began_s = faults[0].after_s
    turns = itertools.islice(itertools.cycle(faults), times)
    return [fault.moved(began_s + place * every_s) for place, fault in enumerate(turns)]
