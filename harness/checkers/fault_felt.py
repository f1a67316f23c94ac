"""Fault felt: a fault that no client noticed has tested nothing, so its run is *unknown*.

Each fault is looked for in the time in which it can have shown: from its start until 10 s after it
was healed, or for 60 s if it never was. The history says by which of `SIGNS` it would show, any of
which will do; where it does not say, any sign at all. A sign that names its client counts for the
faults that struck that client, and for no other. Where the story says `faults_felt="any"`, as
drawn ones do, one fault that was felt is enough.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice

from harness.checkers.course import Struck, struck
from harness.checkers.signs import Sign, signs_of
from harness.checkers.words import count, examples, listed
from harness.history import History
from harness.verdict import Outcome, Verdict

AFTER_HEAL_S = 10.0
WITHOUT_HEAL_S = 60.0


def fault_felt(history: History) -> Verdict:
    """Find a sign of each fault that the nemesis started."""
    faults = struck(history)
    if not faults:
        return Verdict(Outcome.NOT_APPLICABLE, "nothing was done to the clients")
    signs = signs_of(history)
    felt = {_name(fault): _sign_of(fault, signs) for fault in faults}
    missing = [name for name, sign in felt.items() if sign is None]
    evidence = {
        "signs": examples([f"{name}: {sign.words}" for name, sign in felt.items() if sign]),
        "not felt": examples(missing),
    }
    if missing and (history.header.faults_felt == "each" or len(missing) == len(felt)):
        reason = f"no client felt {listed(missing)}, so the run shows nothing of it"
        return Verdict(Outcome.UNKNOWN, reason, evidence)
    unseen = f", {len(missing)} not" if missing else ""
    reason = f"{count(len(felt) - len(missing), 'fault')} felt{unseen}"
    return Verdict(Outcome.VALID, reason, evidence)


def _name(fault: Struck) -> str:
    return f"{fault.fault} at {fault.start_s:.1f} s"


def _sign_of(fault: Struck, signs: Sequence[Sign]) -> Sign | None:
    """The first sign in the time in which the fault can have shown."""
    until_s = (
        fault.start_s + WITHOUT_HEAL_S if fault.heal_s is None else fault.heal_s + AFTER_HEAL_S
    )
    if fault.hits and "hits" in fault.felt_by:
        return Sign(fault.start_s, "hits", f"it struck {fault.hits} times")
    first = bisect_left(signs, fault.start_s, key=lambda sign: sign.time_s)
    for sign in islice(signs, first, None):
        if sign.time_s > until_s:
            break
        is_its_own = not sign.client or fault.struck(sign.client)
        if is_its_own and (not fault.felt_by or sign.name in fault.felt_by):
            return sign
    return None
