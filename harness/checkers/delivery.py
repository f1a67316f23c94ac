"""Delivery: each message of the source reaches each client that is owed it, once and in order.

Supabase offers no replay (`protocol.md`), so a message published between the first fault and a
client's own recovery may be lost: that is *indefinite*, counted, and no reproach. A loss is
*definite* from a channel's first join to the first fault, from its recovery to the end, and
whenever a later message came by the very join that the lost one was published to: a stream that was
not broken loses nothing. Duplicates and inversions are never excused (ONCE and ORDER of
`failures.md` §0.4).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.checkers.course import SPOILS, Course, course, struck
from harness.checkers.remembered import remembered
from harness.checkers.spans import Span, Spans, claimed, wanted
from harness.checkers.traffic import Channel, Receipt, Traffic, flaws, traffic
from harness.checkers.words import count, examples
from harness.history import History
from harness.verdict import Outcome, Sli, Verdict

IN_FLIGHT_S = 1.0
"""A message published this shortly before a fault, a leave or the end may be lost on its way."""
SETTLE_S = 5.0
"""Without a later message to prove it lost, one still missing after this time is."""


class Case(NamedTuple):
    """One message and the channel that it went wrong for."""

    channel: Channel
    id: int
    time_s: float

    def __str__(self) -> str:
        client, topic = self.channel
        return f"{client}: message {self.id} of {topic!r}, published at {self.time_s:.2f} s"


@dataclass(frozen=True, slots=True)
class Findings:
    """What became of the messages, over all channels."""

    lost_before: list[Case] = field(default_factory=list)
    lost_unbroken: list[Case] = field(default_factory=list)
    lost_after: list[Case] = field(default_factory=list)
    excused: list[Case] = field(default_factory=list)
    duplicated: list[Case] = field(default_factory=list)
    reordered: list[Case] = field(default_factory=list)
    unpublished: list[Case] = field(default_factory=list)
    spoilt: list[Case] = field(default_factory=list)
    owed: Counter[Channel] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)


def delivery(history: History) -> Verdict:
    """Judge every channel by the source's numbered messages."""
    found = findings(history)
    reproaches = {
        "lost before the first fault": found.lost_before,
        "lost on a connection that never broke": found.lost_unbroken,
        "lost after recovery": found.lost_after,
        "received twice": found.duplicated,
        "received out of order": found.reordered,
        "received but never published": found.unpublished,
    }
    reproaches = {what: cases for what, cases in reproaches.items() if cases}
    owed = found.owed.total()
    evidence: dict[str, Any] = {"owed": owed, "excused": len(found.excused)}
    evidence |= {"spoilt": len(found.spoilt)} if found.spoilt else {}
    evidence |= {what: _evidence(cases) for what, cases in reproaches.items()}
    if reproaches:
        reason = "; ".join(_sentence(what, cases) for what, cases in reproaches.items())
        return Verdict(Outcome.INVALID, reason, evidence, _slis(found))
    if not owed:
        return Verdict(Outcome.UNKNOWN, "no message was owed to anybody", evidence, _slis(found))
    reason = (
        f"{count(owed, 'message')} owed, each received once and in order; "
        f"{len(found.excused)} more lost while faults lasted"
    )
    return Verdict(Outcome.VALID, reason, evidence, _slis(found))


@remembered
def findings(history: History) -> Findings:
    """Follow every message of the source to every channel that wanted it."""
    seen = traffic(history)
    run = course(history)
    wants, claims = wanted(history), claimed(history)
    breaks, spoilt = _breaks(history), _spoilt(history)
    found = Findings()
    for channel in dict.fromkeys([*wants, *seen.receipts]):
        _check_receipts(channel, seen, spoilt, found)
        for span in wants.get(channel, ()):
            owed = _owed(channel, span, seen, claims, run, history.header.grace_s)
            if owed:
                broke_s = breaks.get(channel, [])
                _check_losses(channel, owed, seen, run, broke_s, found, spoilt["loss"])
    return found


def _spoilt(history: History) -> Mapping[str, list[Span]]:
    """When the server itself spoilt its streams, by how."""
    return {
        how: [
            Span(fault.start_s - IN_FLIGHT_S, fault.until_s)
            for fault in struck(history)
            if how in fault.spoils
        ]
        for how in SPOILS
    }


def _breaks(history: History) -> Mapping[Channel, list[float]]:
    """When the server joined or ended each channel: a stretch without is one unbroken stream."""
    breaks: dict[Channel, list[float]] = defaultdict(list)
    for op in history.ops:
        if op.process == "server" and op.f in ("join", "leave"):
            breaks[str(op.value.get("client")), str(op.value.get("topic"))].append(op.time_s)
    return breaks


@dataclass(frozen=True, slots=True)
class _Owed:
    """What one channel is owed while it is wanted."""

    covered: Span
    """From its first join on: whatever is published here counts as lost if it does not come."""
    before: Span
    """Certain to come: nothing had gone wrong yet."""
    after: Span
    """Certain to come: the channel had recovered from all that went wrong."""
    grace: Span
    """Just recovered: the scenario excuses what is lost here."""


def _owed(
    channel: Channel, span: Span, seen: Traffic, claims: Spans, run: Course, grace_s: float
) -> _Owed | None:
    covered_s = _covered_from_s(channel, span, seen, claims)
    if covered_s is None:
        return None
    until_s = min(span.to_s, run.end_s) - IN_FLIGHT_S
    recovered = seen.first_after(channel, max(run.calm_s, span.from_s)) if run.has_faults else None
    recovered_s = recovered.time_s + grace_s if recovered else math.inf
    return _Owed(
        covered=Span(covered_s, until_s),
        before=Span(covered_s, min(run.first_fault_s - IN_FLIGHT_S, until_s)),
        after=Span(recovered_s, until_s),
        grace=Span(recovered_s - grace_s, recovered_s),
    )


def _covered_from_s(channel: Channel, span: Span, seen: Traffic, claims: Spans) -> float | None:
    """When a channel first worked: by the client's word for it or by what it received."""
    moments = [claim.from_s for claim in claims.get(channel, ()) if claim.from_s in span]
    first = seen.first_after(channel, span.from_s)
    if first:
        moments.append(first.time_s)
    return min(moments, default=None)


def _check_receipts(
    channel: Channel, seen: Traffic, spoilt: Mapping[str, Sequence[Span]], found: Findings
) -> None:
    """Duplicates, inversions, and messages out of nowhere."""
    published = seen.published.get(channel[1], {})
    for (time_s, id), flaw in flaws(seen.of(channel), published):
        case = Case(channel, id, published.get(id, time_s))
        if flaw in (None, "order"):
            found.latencies_s.append(time_s - case.time_s)
        if flaw == "unpublished":
            found.unpublished.append(case)
        elif flaw == "once":
            (found.spoilt if _is_in(spoilt["once"], case) else found.duplicated).append(case)
        elif flaw == "order":
            (found.spoilt if _is_in(spoilt["order"], case) else found.reordered).append(case)


def _check_losses(
    channel: Channel,
    owed: _Owed,
    seen: Traffic,
    run: Course,
    broke_s: Sequence[float],
    found: Findings,
    spoilt: Sequence[Span],
) -> None:
    had = {receipt.id: None for receipt in seen.of(channel)}
    in_order = sorted(seen.of(channel), key=lambda receipt: receipt.id)
    highest = max(had, default=-1)
    settled_s = run.end_s - SETTLE_S
    published = seen.published.get(channel[1], {})
    times_s = list(published.values())
    found.owed[channel] += _number(owed.before, times_s) + _number(owed.after, times_s)
    missing = [case for case in published.items() if case[0] not in had]
    for id, time_s in missing:
        if not _inside(owed.covered, time_s):
            continue
        # A channel keeps its order: once a later message is there, an earlier one never comes.
        certain = id < highest or time_s <= settled_s
        case = Case(channel, id, time_s)
        if certain and _inside(owed.before, time_s):
            found.lost_before.append(case)
        elif certain and _inside(owed.after, time_s):
            found.lost_after.append(case)
        elif _inside(owed.grace, time_s) or _is_in(spoilt, case):
            found.excused.append(case)
        elif broke_s and _is_unbroken(id, time_s, in_order, broke_s):
            found.lost_unbroken.append(case)
        else:
            found.excused.append(case)


def _is_unbroken(
    id: int, published_s: float, in_order: Sequence[Receipt], broke_s: Sequence[float]
) -> bool:
    """Whether a later message came by the very join that this one was published to.

    TCP keeps order and Phoenix keeps it, too: whatever a fault did, this one came as well, and the
    client lost it.
    """
    later = bisect_right(in_order, id, key=lambda receipt: receipt.id)
    if later == len(in_order):
        return False
    return bisect_right(broke_s, published_s) == bisect_right(broke_s, in_order[later].time_s)


def _is_in(spans: Sequence[Span], case: Case) -> bool:
    return any(_inside(span, case.time_s) for span in spans)


def _number(span: Span, times_s: Sequence[float]) -> int:
    """How many of the ascending times lie inside a span."""
    return max(0, bisect_right(times_s, span.to_s) - bisect_right(times_s, span.from_s))


def _inside(span: Span, time_s: float) -> bool:
    """After the span began: what is published as a channel joins may or may not be for it."""
    return span.from_s < time_s <= span.to_s


def _sentence(what: str, cases: Sequence[Case]) -> str:
    clients = len(dict.fromkeys(case.channel[0] for case in cases))
    return f"{count(len(cases), 'message')} {what} ({count(clients, 'client')}; first {cases[0]})"


def _evidence(cases: Sequence[Case]) -> dict[str, Any]:
    (worst, most), *_ = Counter(case.channel[0] for case in cases).most_common(1)
    return {
        "count": len(cases),
        "worst": f"{worst}: {count(most, 'message')}",
        "examples": examples([str(case) for case in cases]),
    }


def _slis(found: Findings) -> dict[str, Sli]:
    surely = len(found.lost_before) + len(found.lost_unbroken) + len(found.lost_after)
    lost = surely + len(found.excused)
    latencies_s = sorted(found.latencies_s)
    return {
        "lost": Sli(value=lost, unit="messages"),
        "lost_after_recovery": Sli(value=len(found.lost_after), unit="messages"),
        "duplicated": Sli(value=len(found.duplicated), unit="messages"),
        "reordered": Sli(value=len(found.reordered), unit="messages"),
        "delivery_p50_s": Sli(value=percentile(latencies_s, 50), unit="s"),
        "delivery_p99_s": Sli(value=percentile(latencies_s, 99), unit="s"),
    }


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile of ascending numbers; None for none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
