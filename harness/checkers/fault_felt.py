"""Fault felt: a fault that no client noticed has tested nothing, so its run is *unknown*.

Each fault is looked for in the time in which it can have shown: from its start until 10 s after it
was healed, or for 60 s if it never was. Any of these signs will do: a connection ended or could not
be made, a message of the source never came or came notably late, a join took notably long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.checkers.course import Struck, course, struck
from harness.checkers.delivery import percentile
from harness.checkers.spans import Span, Spans, wanted, word
from harness.checkers.traffic import Channel, Traffic, traffic
from harness.checkers.words import count, examples, listed
from harness.history import History, Op
from harness.verdict import Outcome, Verdict

AFTER_HEAL_S = 10.0
WITHOUT_HEAL_S = 60.0
LATE_FACTOR = 3.0
LATE_S = 0.1
"""A late message took three times as long as those of the steady state, and this much longer."""
SLOW_JOIN_S = 1.0


class Sign(NamedTuple):
    """Something that a fault can have done."""

    time_s: float
    words: str


def fault_felt(history: History) -> Verdict:
    """Find a sign of each fault that the nemesis started."""
    faults = struck(history)
    if not faults:
        return Verdict(Outcome.NOT_APPLICABLE, "nothing was done to the clients")
    signs = _signs(history)
    felt = {_name(fault): _sign_of(fault, signs) for fault in faults}
    missing = [name for name, sign in felt.items() if sign is None]
    evidence = {
        "signs": examples([f"{name}: {sign.words}" for name, sign in felt.items() if sign]),
        "not felt": examples(missing),
    }
    if missing:
        reason = f"no client felt {listed(missing)}, so the run shows nothing of it"
        return Verdict(Outcome.UNKNOWN, reason, evidence)
    return Verdict(Outcome.VALID, f"{count(len(faults), 'fault')} felt", evidence)


def _name(fault: Struck) -> str:
    return f"{fault.fault} at {fault.start_s:.1f} s"


def _sign_of(fault: Struck, signs: Sequence[Sign]) -> Sign | None:
    """The first sign in the time in which the fault can have shown."""
    until_s = (
        fault.start_s + WITHOUT_HEAL_S if fault.heal_s is None else fault.heal_s + AFTER_HEAL_S
    )
    index = bisect_left(signs, fault.start_s, key=lambda sign: sign.time_s)
    if index < len(signs) and signs[index].time_s <= until_s:
        return signs[index]
    return None


def _signs(history: History) -> list[Sign]:
    """Every sign that the run holds, in order of time."""
    seen = traffic(history)
    signs = [sign for op in history.ops if (sign := _sign(op))]
    signs += _lost(seen, wanted(history))
    signs += _late(seen, course(history).first_fault_s)
    signs += _slow_joins(history)
    return sorted(signs)


def _sign(op: Op) -> Sign | None:
    """What one op says of trouble with a connection."""
    says = _SIGNS.get(op.f)
    words = says(op) if says else None
    return Sign(op.time_s, words) if words else None


_SIGNS: Mapping[str, Callable[[Op], str | None]] = {
    "disconnect": lambda op: f"a connection of {op.value['client']} ended",
    "refused": lambda op: f"an upgrade was refused with {op.value['status']}",
    "dial": lambda op: (
        f"a connect was {op.value['outcome']}" if op.value["outcome"] != "accepted" else None
    ),
    "lost": lambda op: f"{op.process} lost {op.value['topic']!r}",
}


def _lost(seen: Traffic, wants: Spans) -> Iterator[Sign]:
    """Messages that never came to a channel that was wanted."""
    for channel, spans in wants.items():
        had = {receipt.id: None for receipt in seen.of(channel)}
        for id, time_s in seen.published.get(channel[1], {}).items():
            if id not in had and any(time_s in span for span in spans):
                yield Sign(time_s, f"message {id} never came to {channel[0]}")


def _late(seen: Traffic, first_fault_s: float) -> Iterator[Sign]:
    """Messages that took notably longer than those of the steady state; each at its publication."""
    usual_s = percentile(sorted(_steady_latencies_s(seen, first_fault_s)), 99)
    if usual_s is None:
        return
    late_s = max(LATE_FACTOR * usual_s, usual_s + LATE_S)
    for (client, topic), receipts in seen.receipts.items():
        published = seen.published.get(topic, {})
        for time_s, id in receipts:
            took_s = time_s - published.get(id, time_s)
            if took_s > late_s:
                yield Sign(published[id], f"a message took {took_s:.2f} s to {client}")


def _steady_latencies_s(seen: Traffic, first_fault_s: float) -> Iterator[float]:
    for (_, topic), receipts in seen.receipts.items():
        published = seen.published.get(topic, {})
        for time_s, id in receipts:
            if time_s >= first_fault_s:
                break
            if id in published:
                yield time_s - published[id]


def _slow_joins(history: History) -> Iterator[Sign]:
    """Joins that the server got and whose client did not say within a second that it has joined."""
    claims: dict[Channel, list[float]] = {}
    for op in history.ops:
        if word(op):
            claims.setdefault((op.process, op.value["topic"]), []).append(op.time_s)
    for op in history.where("frame", process="server"):
        if op.value["event"] == "phx_join":
            channel = str(op.value["client"]), op.value["topic"]
            said = claims.get(channel, [])
            index = bisect_left(said, op.time_s)
            in_time = Span(op.time_s, op.time_s + SLOW_JOIN_S)
            if index == len(said) or said[index] not in in_time:
                yield Sign(op.time_s, f"a join of {channel[0]} took more than {SLOW_JOIN_S:g} s")
