"""From what was counted to a verdict: was the load there, and did every message come back?

The steady profile injects no fault, so that nothing excuses a loss.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.verdict import Judgement, Outcome, Sli, Verdict
from loadtests.tally import DURATIONS, Tally

CUT_SHORT_S = 2.0
"""A load test that ended more than this before its time was stopped."""
NOTHING_MEASURED = 2
"""The exit code of a load test that gives no evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the load test was asked for, and what became of that."""

    users: int
    processes: int
    """How many processes ran users: 1, or the workers."""
    run_s: float = 0.0
    """For how long; 0 means until somebody stops it."""
    ran_s: float = 0.0
    """How long it did run."""
    broken: str = ""
    """What went wrong in the load test itself, so that nothing it measured counts."""


def judge(tally: Tally, asked: Asked) -> Judgement:
    """The verdict of one load test, by three checkers; pure."""
    if asked.broken:
        return Judgement({"load": Verdict(Outcome.UNKNOWN, asked.broken)})
    return Judgement(
        {
            "load": _load(tally, asked),
            "delivery": _delivery(tally),
            "connection": _connection(tally),
        }
    )


def exit_code(judgement: Judgement) -> int:
    """0 all is well, 1 an objective is broken, 2 there was nothing to judge by."""
    return {Outcome.VALID: 0, Outcome.INVALID: 1}.get(judgement.outcome, NOTHING_MEASURED)


def _load(tally: Tally, asked: Asked) -> Verdict:
    """Whether the load was there that was asked for; a smaller one proves nothing."""
    counts = tally.counts
    cut_short = asked.ran_s < asked.run_s - CUT_SHORT_S
    shortfalls = [
        (cut_short, f"stopped after {asked.ran_s:.0f} of {asked.run_s:.0f} s"),
        (counts["joined"] < asked.users, f"{counts['joined']} of {asked.users} users joined"),
        (not counts["delivered"], "nothing was delivered"),
        (
            counts["settled"] < asked.processes,
            f"{counts['settled']} of {asked.processes} processes reported to the end",
        ),
        (counts["crashed"] > 0, f"{counts['crashed']} users crashed in the load test itself"),
    ]
    short = [words for holds, words in shortfalls if holds]
    slis = {"users": Sli(value=counts["joined"], unit="users")}
    if short:
        return Verdict(
            Outcome.UNKNOWN,
            ", ".join(short),
            _reasons(tally, "undialled", "rejected", "crashed"),
            slis,
        )
    return Verdict(Outcome.VALID, f"{counts['joined']} users joined, as asked", {}, slis)


def _delivery(tally: Tally) -> Verdict:
    """Every message that was due must come back once, in order."""
    counts, histogram = tally.counts, tally.durations["delivery"]
    slis = {
        name: Sli(value=counts[name], unit="messages")
        for name in ("sent", "delivered", "lost", "unsent", "duplicated", "reordered")
    }
    slis |= _percentiles("delivery", tally)
    wrong = [name for name in ("lost", "unsent", "duplicated", "reordered") if counts[name]]
    if wrong:
        said = ", ".join(f"{counts[name]} {name}" for name in wrong)
        evidence = _reasons(tally, "lost", "unsent", "disconnected")
        reason = f"of {counts['sent']} messages sent, {said}"
        return Verdict(Outcome.INVALID, reason, evidence, slis)
    if not histogram.count:
        return Verdict(Outcome.UNKNOWN, "no message came back to judge by", {}, slis)
    return Verdict(Outcome.VALID, f"all of {counts['sent']} messages came back once", {}, slis)


def _connection(tally: Tally) -> Verdict:
    """How users connected and joined; a number for the gate, not an objective of its own."""
    slis = {
        "disconnected": Sli(value=tally.counts["disconnected"], unit="connections"),
        "rejected": Sli(value=tally.counts["rejected"], unit="joins"),
    }
    measured = [name for name in ("connect", "join", "reconnect") if tally.durations[name].count]
    for name in measured:
        slis |= _percentiles(name, tally)
    evidence = _reasons(tally, "disconnected", "rejected")
    if not tally.durations["join"].count:
        return Verdict(Outcome.UNKNOWN, "no user ever joined", evidence, slis)
    reason = f"{tally.counts['disconnected']} connections ended that were still wanted"
    return Verdict(Outcome.VALID, reason, evidence, slis)


def _percentiles(name: str, tally: Tally) -> dict[str, Sli]:
    assert name in DURATIONS, name
    histogram = tally.durations[name]
    return {
        f"{name}_p{share}_s": Sli(value=histogram.percentile(share / 100), unit="s")
        for share in (50, 99)
    }


def _reasons(tally: Tally, *names: str) -> dict[str, int]:
    """The reasons that were given, by how often."""
    return {key: times for key, times in tally.reasons.most_common() if key.split(":")[0] in names}
