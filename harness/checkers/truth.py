"""Truth: a client does not claim to be joined where nothing gets through, or where nobody holds it.

TRUTH and SIGNAL of `failures.md` §0.4. A false claim is excused for `header.detect_within_s`, the
time that a client may need to find out. Two proofs count: the source went on publishing and the
channel received nothing at all; or the server had not held the channel for all that time. A source
that keeps silent proves nothing, and a client that is made to stand still can say nothing: that
time does not count. One whose clock is made to go slow, or is set back, counts by that clock.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from harness.checkers.clocks import Clocks
from harness.checkers.course import Struck, struck
from harness.checkers.spans import Span, Spans, claimed, spans_of, wanted
from harness.checkers.traffic import Channel, Receipt, traffic
from harness.checkers.words import count, examples, seconds
from harness.history import History
from harness.verdict import Outcome, Sli, Verdict

ANSWER_S = 5.0
"""A message that comes within this time shows no silence at its publication."""

Stretch = tuple[Channel, Span, str]
"""Through which a channel was claimed to be joined when it was not, and what proves that."""


@dataclass(frozen=True, slots=True)
class FalseClaim:
    """A stretch of time through which a client claimed what was not so."""

    channel: Channel
    span: Span
    proof: str
    length_s: float
    """By the client's own clock where that was slow."""

    def __str__(self) -> str:
        client, topic = self.channel
        return (
            f"{client} claimed to be joined to {topic!r} through {seconds(self.length_s)} of "
            f"{self.proof} (from {self.span.from_s:.1f} s on)"
        )


def truth(history: History) -> Verdict:
    """Hold each client's word against what it received and against what the server held."""
    claims = _claims(history)
    if not claims:
        return Verdict(Outcome.UNKNOWN, "no client ever claimed to be joined")
    clocks = Clocks(struck(history))
    stretches = [
        FalseClaim(channel, span, proof, clocks.of(channel[0], span.from_s).passed_s(span))
        for channel, span, proof in [*_silences(claims, history), *_unheld(claims, history)]
    ]
    longest_s = max((one.length_s for one in stretches), default=0.0)
    slis = {"false_claim_s": Sli(value=longest_s, unit="s")}
    bound_s = history.header.detect_within_s
    false = sorted(
        (one for one in stretches if one.length_s > bound_s), key=lambda one: -one.length_s
    )
    if not false:
        reason = (
            f"no client claimed to be joined for more than {seconds(longest_s)} when it was not"
        )
        return Verdict(Outcome.VALID, reason, {"bound_s": bound_s}, slis)
    clients = len(dict.fromkeys(one.channel[0] for one in false))
    evidence = {"bound_s": bound_s, "false claims": examples([str(one) for one in false])}
    reason = f"{false[0]}; {count(clients, 'client')} in all, {seconds(bound_s)} allowed"
    return Verdict(Outcome.INVALID, reason, evidence, slis)


def _claims(history: History) -> Spans:
    """What clients claimed of channels while these were wanted and they could say otherwise, cut at
    the end of the run."""
    end_s = history.ops[-1].time_s if history.ops else 0.0
    wants = wanted(history)
    speechless = [fault for fault in struck(history) if "word" in fault.spoils]
    return {
        channel: [
            part
            for claim in spans
            for want in wants[channel]
            if max(claim.from_s, want.from_s) < min(claim.to_s, want.to_s, end_s)
            for part in _gaps(
                Span(max(claim.from_s, want.from_s), min(claim.to_s, want.to_s, end_s)),
                _of(channel[0], speechless),
            )
        ]
        for channel, spans in claimed(history).items()
        if channel in wants
    }


def _of(client: str, faults: Iterable[Struck]) -> list[Span]:
    return [Span(fault.start_s, fault.until_s) for fault in faults if fault.struck(client)]


def _silences(claims: Spans, history: History) -> Iterator[Stretch]:
    """Stretches in which the source published and the channel received nothing, from the first
    missed message to the last of each: it takes two to show that the silence lasted."""
    seen = traffic(history)
    for channel, spans in claims.items():
        receipts = seen.of(channel)
        receipts_s = [receipt.time_s for receipt in receipts]
        missed_s = _missed_s(seen.published.get(channel[1], {}), receipts)
        for span in spans:
            in_span = [time_s for time_s in missed_s if time_s in span]
            for _, stretch in groupby(in_span, key=partial(bisect_left, receipts_s)):
                times_s = list(stretch)
                yield channel, Span(times_s[0], times_s[-1]), "silence"


def _missed_s(published: Mapping[int, float], receipts: Iterable[Receipt]) -> list[float]:
    """When those messages were published that did not come, or only long after."""
    came_s: dict[int, float] = {}
    for time_s, id in receipts:
        came_s.setdefault(id, time_s)
    return [
        time_s for id, time_s in published.items() if came_s.get(id, math.inf) > time_s + ANSWER_S
    ]


def _unheld(claims: Spans, history: History) -> Iterator[Stretch]:
    """Stretches of a claim in which the server held the channel on no connection."""
    held = _held(history)
    if not held:
        return
    for channel, spans in claims.items():
        for span in spans:
            for gap in _gaps(span, held.get(channel, ())):
                yield channel, gap, "not being held by the server"


def _held(history: History) -> Spans:
    """When the server held each channel on any connection; nothing if it kept no record."""
    times: dict[Channel, int] = defaultdict(int)
    changes = []
    for op in history.ops:
        if op.process == "server" and op.f in ("join", "leave"):
            channel = str(op.value["client"]), op.value["topic"]
            times[channel] += 1 if op.f == "join" else -1
            changes.append((channel, op.time_s, times[channel] > 0))
    return spans_of(changes)


def _gaps(span: Span, held: Sequence[Span]) -> Iterator[Span]:
    """The parts of a span that none of `held` covers."""
    free_s = span.from_s
    for one in held:
        if one.from_s >= span.to_s:
            break
        if one.from_s > free_s:
            yield Span(free_s, one.from_s)
        free_s = max(free_s, one.to_s)
    if free_s < span.to_s:
        yield Span(free_s, span.to_s)
