"""Storm, then heal: a schedule whose every fault is over by a given moment."""

from __future__ import annotations

from collections.abc import Iterable

from harness.nemesis.fault import BadFault, Fault
from harness.numeric import is_number


def healed_by(faults: Iterable[Fault], storm_s: float) -> list[Fault]:
    """The faults that begin before `storm_s`, each healed by then at the latest.

    The two phases of a liveness test (FoundationDB, TigerBeetle): first anything may go wrong,
    then nothing does, and what must hold in the end has a deadline. Raises `BadFault`.
    """
    if not (is_number(storm_s) and storm_s > 0):
        raise BadFault(f"storm_s={storm_s!r} is no duration; say more than 0")
    return [_ended(fault, storm_s) for fault in faults if fault.after_s < storm_s]


def _ended(fault: Fault, storm_s: float) -> Fault:
    if fault.ends_s <= storm_s:
        return fault
    return fault.moved(fault.after_s, for_s=storm_s - fault.after_s)
