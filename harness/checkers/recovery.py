"""Recovery: how long after the last act of the nemesis each wanted channel works again.

CONV of `failures.md` §0.4. A channel works when it receives a message that was published since the
calm began; so one that was never interrupted, or came back while a fault still lasted, shows a
small number and not none. A channel that the application wants only later is measured from then.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.checkers.course import Course, course
from harness.checkers.spans import last_word, wanted
from harness.checkers.traffic import Channel, Traffic, traffic
from harness.checkers.words import count, examples, listed, seconds
from harness.history import History
from harness.verdict import Outcome, Sli, Verdict


@dataclass(frozen=True, slots=True)
class Recovered:
    """One channel's way back."""

    channel: Channel
    since_s: float
    """From when on it had to work: the calm, or when it was wanted if that came later."""
    took_s: float | None
    """Seconds from there to the first message; None if there was none."""
    offered_s: float | None
    """Seconds from there to the first message that the source published; None if none was."""
    was_steady: bool
    """Whether it had received anything before the first fault."""

    @property
    def name(self) -> str:
        """`client-0 on 'room'`."""
        return f"{self.channel[0]} on {self.channel[1]!r}"

    def judge(self, within_s: float, end_s: float) -> Outcome:
        """Whether it was back in time, as far as the source's messages can tell."""
        if self.took_s is not None and self.took_s <= within_s:
            return Outcome.VALID
        unasked = self.offered_s is None or self.offered_s > within_s
        cut_short = self.took_s is None and end_s < self.since_s + within_s
        never_began = self.took_s is None and not self.was_steady
        return Outcome.UNKNOWN if unasked or cut_short or never_began else Outcome.INVALID


def recovery(history: History) -> Verdict:
    """Hold every channel that is wanted at the end to `header.recovery_within_s`."""
    run = course(history)
    if not run.has_faults:
        return Verdict(Outcome.NOT_APPLICABLE, "nothing went wrong, so nothing had to recover")
    if run.calm_s == math.inf:
        return Verdict(
            Outcome.UNKNOWN, "the run was cut short while a fault was being set or healed"
        )
    channels = recoveries(history, run)
    if not channels:
        return Verdict(Outcome.UNKNOWN, "no channel was wanted at the end")
    if not any(channel.was_steady for channel in channels):
        return Verdict(Outcome.UNKNOWN, "no client had received anything before the first fault")
    return _verdict(history, channels, run.end_s)


def recoveries(history: History, run: Course) -> list[Recovered]:
    """The way back of every channel that is wanted at the end."""
    seen = traffic(history)
    return [
        _recovered(channel, max(run.calm_s, spans[-1].from_s), seen, run)
        for channel, spans in wanted(history).items()
        if spans[-1].to_s == math.inf
    ]


def _recovered(channel: Channel, since_s: float, seen: Traffic, run: Course) -> Recovered:
    first = seen.first_after(channel, since_s)
    published = seen.published.get(channel[1], {}).values()
    offered_s = next((time_s for time_s in published if time_s > since_s), None)
    receipts = seen.of(channel)
    return Recovered(
        channel=channel,
        since_s=since_s,
        took_s=first.time_s - since_s if first else None,
        offered_s=offered_s - since_s if offered_s is not None else None,
        was_steady=bool(receipts) and receipts[0].time_s < run.first_fault_s,
    )


def _verdict(history: History, channels: list[Recovered], end_s: float) -> Verdict:
    within_s = history.header.recovery_within_s
    judged = {channel: channel.judge(within_s, end_s) for channel in channels}
    late = [one for one, outcome in judged.items() if outcome is Outcome.INVALID]
    unknown = [one for one, outcome in judged.items() if outcome is Outcome.UNKNOWN]
    slis = {"recovery_s": Sli(value=_worst_s(channels), unit="s")}
    if late:
        return _late(history, late, len(channels), slis)
    if unknown:
        reason = (
            f"too little was seen of {listed(one.name for one in unknown)} to say whether they "
            f"recovered within {seconds(within_s)}"
        )
        return Verdict(Outcome.UNKNOWN, reason, {"unknown": len(unknown)}, slis)
    worst = max(channels, key=lambda one: one.took_s or 0.0)
    assert worst.took_s is not None, "a channel that never recovered is late or unknown"
    reason = (
        f"{count(len(channels), 'channel')} worked again within {seconds(worst.took_s)}"
        f" of the last fault (at most {seconds(within_s)} allowed)"
    )
    return Verdict(Outcome.VALID, reason, {"slowest": worst.name}, slis)


def _late(history: History, late: list[Recovered], of: int, slis: dict[str, Sli]) -> Verdict:
    within_s = history.header.recovery_within_s
    dead = [one for one in late if one.took_s is None]
    slow = [one for one in late if one.took_s is not None]
    parts = []
    evidence: dict[str, Any] = {"channels": of, "bound_s": within_s}
    if dead:
        words = last_word(history, dead[0].channel)
        names = listed(one.name for one in dead)
        parts.append(
            f"dead: {len(dead)} of {count(of, 'channel')} never worked again ({names}; {words})"
        )
        evidence["dead"] = examples(
            [f"{one.name}: {last_word(history, one.channel)}" for one in dead]
        )
    if slow:
        slowest = max(slow, key=lambda one: one.took_s or 0.0)
        parts.append(
            f"slow: {slowest.name} worked again only after {seconds(slowest.took_s or 0.0)}"
            f" ({len(slow)} of {count(of, 'channel')} took longer than {seconds(within_s)})"
        )
        evidence["slow"] = examples([f"{one.name}: {seconds(one.took_s or 0.0)}" for one in slow])
    return Verdict(Outcome.INVALID, "; ".join(parts), evidence, slis)


def _worst_s(channels: Iterable[Recovered]) -> float | None:
    times_s = [one.took_s for one in channels]
    return None if None in times_s else max(time_s for time_s in times_s if time_s is not None)
