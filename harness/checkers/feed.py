"""Feed: a client whose feed of changes is live is told of each one, or of the gap that holds it.

Changes come late and without numbers, and what is committed while a feed is down never comes
(`protocol.md §3.6`). So a client must be honest: between its `feed_live` and its `feed_lost` each
committed change comes once and in order, or a `feed_gap` covers it. What was committed while it
did not say that its feed was live is owed to nobody. A client that is made to stand still can say
nothing meanwhile, and has to tell of its gap afterwards. One that is closed or killed can tell of
no gap, but its application reads everything as it starts it again. Where nothing was wrong no
change is to be missed, told or not. After the last act of the nemesis each feed must be live again,
and bring a change committed since, within `header.recovery_within_s`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.checkers.clocks import Clocks
from harness.checkers.course import Course, Struck, course, struck
from harness.checkers.remembered import remembered
from harness.checkers.spans import Span, Spans, last_word, said, spans_of, wanted
from harness.checkers.traffic import Channel, Receipt, flaws
from harness.checkers.words import count, examples, listed, seconds
from harness.history import History, Op
from harness.verdict import Outcome, Sli, Verdict

LAG_S = 1.0
"""A change comes up to half a second after its commit; one committed so shortly before the client
says that its feed is lost may still have been on its way."""
SETTLE_S = 5.0
"""Without a later change to prove it lost, one still missing after this time is."""
ENDS = frozenset({("feed_lost", "info"), ("lost", "info"), ("closed", "info"), ("leave", "invoke")})
LOSSES = ("loss", "changes")


class Case(NamedTuple):
    """One change and the channel that it went wrong for."""

    channel: Channel
    id: int
    time_s: float

    def __str__(self) -> str:
        client, topic = self.channel
        return f"{client}: change {self.id} for {topic!r}, committed at {self.time_s:.2f} s"


@dataclass(frozen=True, slots=True)
class Feeds:
    """What a history says of changes."""

    committed: Mapping[int, float]
    """Number of the row → seconds when it was committed."""
    received: Mapping[Channel, list[Receipt]]
    wanted: Spans
    """Of the channels that asked for changes."""
    live: Spans
    """When each client claimed that a feed was live."""
    gaps: Spans
    """What each client said that it may have missed."""


@dataclass(slots=True)
class Findings:
    """What became of the changes, over all channels."""

    untold: list[Case] = field(default_factory=list)
    told: list[Case] = field(default_factory=list)
    needless: list[Case] = field(default_factory=list)
    """Of those told, what was committed where nothing was wrong."""
    excused: list[Case] = field(default_factory=list)
    duplicated: list[Case] = field(default_factory=list)
    reordered: list[Case] = field(default_factory=list)
    uncommitted: list[Case] = field(default_factory=list)
    owed: int = 0


def feed(history: History) -> Verdict:
    """Follow each change to each channel that listens, and each feed to its last state."""
    feeds = feeds_of(history)
    if not feeds.wanted:
        return Verdict(Outcome.NOT_APPLICABLE, "no client listens to the changes of a table")
    if not feeds.committed:
        return Verdict(Outcome.UNKNOWN, "no row was inserted" + _why(history))
    run = course(history)
    unsteady = [_name(one) for one in feeds.wanted if not _was_live(one, feeds, run)]
    if unsteady:
        reason = f"the feed of {listed(unsteady)} was not live before the first fault"
        return Verdict(Outcome.UNKNOWN, reason)
    back = {one: _back_s(one, feeds, run) for one in feeds.wanted if _still(one, feeds)}
    found = _findings(feeds, run, struck(history))
    found.needless = [
        case for case in found.told if _was_well(case, back.get(case.channel), history, run)
    ]
    return _verdict(history, found, back, run)


@remembered
def feeds_of(history: History) -> Feeds:
    """Read what concerns changes."""
    committed: dict[int, float] = {}
    for op in history.where("insert", process="source", type="ok"):
        committed.setdefault(op.value["id"], op.time_s)
    received: dict[Channel, list[Receipt]] = defaultdict(list)
    gaps: dict[Channel, list[Span]] = defaultdict(list)
    listening: dict[Channel, None] = {}
    clocks = Clocks(struck(history))
    for op in history.ops:
        channel = op.process, str(op.value.get("topic"))
        if op.f == "changed":
            received[channel].append(Receipt(op.time_s, op.value["id"]))
        elif op.f == "feed_gap":
            gaps[channel].append(_gap(op, clocks))
        elif (op.f, op.type) == ("subscribe", "invoke") and op.value.get("changes"):
            listening[channel] = None
    for client, gone in _restarts(history):
        for one in listening:
            if one[0] == client:
                from_s = _deaf_from_s(received[one], committed, gone.from_s)
                gaps[one].append(Span(from_s, gone.to_s))
    wants = {one: spans for one, spans in wanted(history).items() if one in listening}
    return Feeds(committed, dict(received), wants, _live(history), dict(gaps))


def _gap(op: Op, clocks: Clocks) -> Span:
    """What a client says that it may have missed; it counts the seconds by its own clock."""
    clock = clocks.of(op.process, op.time_s)
    said = Span(clock.began_s(op.time_s, op.value["last_s"]), op.time_s)
    # What was on its way may have taken longer than a fast clock allows for.
    return said if clock.is_right(said) else Span(said.from_s - LAG_S, said.to_s)


def _restarts(history: History) -> Iterator[tuple[str, Span]]:
    """Clients that were started again, from where they were closed or killed to where they were
    opened. To open one that is open starts nothing."""
    kills = [fault for fault in struck(history) if fault.fault == "kill"]
    opened_s: dict[str, float] = {}
    closed_s: dict[str, float] = {}
    for op in history.ops:
        client = op.process
        if (op.f, op.type) == ("close", "invoke"):
            closed_s.setdefault(client, op.time_s)
        elif (op.f, op.type) == ("open", "invoke"):
            life = Span(opened_s.get(client, -math.inf), op.time_s)
            ends_s = [one.start_s for one in kills if one.struck(client) and one.start_s in life]
            ends_s += [closed_s.pop(client)] if client in closed_s else []
            if ends_s:
                yield client, Span(min(ends_s), op.time_s)
            opened_s[client] = op.time_s


def _deaf_from_s(
    received: Iterable[Receipt], committed: Mapping[int, float], until_s: float
) -> float:
    """When the last change was committed that came by then: the client may not have found out yet
    that it heard no more, but what is missing before that it had lost."""
    came_s = (committed.get(one.id, -math.inf) for one in received if one.time_s <= until_s)
    return max(came_s, default=-math.inf)


def _live(history: History) -> Spans:
    return spans_of(said(history, _word))


def _word(op: Op) -> bool | None:
    """Whether an op says that a feed is live, or that it is not."""
    if op.f == "feed_live":
        return True
    return False if op.process != "server" and (op.f, op.type) in ENDS else None


def _was_live(channel: Channel, feeds: Feeds, run: Course) -> bool:
    """Before the first fault; later for one that was wanted only later, or where there was none."""
    until_s = run.first_fault_s
    if feeds.wanted[channel][0].from_s >= until_s:
        return True
    return any(span.from_s < until_s for span in feeds.live.get(channel, ()))


def _still(channel: Channel, feeds: Feeds) -> bool:
    return feeds.wanted[channel][-1].to_s == math.inf


def _findings(feeds: Feeds, run: Course, faults: Sequence[Struck]) -> Findings:
    found = Findings()
    for channel in dict.fromkeys([*feeds.wanted, *feeds.received]):
        _check_receipts(channel, feeds, faults, found)
        for span in _claims(channel, feeds):
            _check_losses(channel, span, feeds, run, faults, found)
    return found


def _claims(channel: Channel, feeds: Feeds) -> Iterator[Span]:
    """When its feed was said to be live and it was wanted."""
    for claim in feeds.live.get(channel, ()):
        for want in feeds.wanted.get(channel, ()):
            span = Span(max(claim.from_s, want.from_s), min(claim.to_s, want.to_s))
            if span.from_s < span.to_s:
                yield span


def _check_receipts(
    channel: Channel, feeds: Feeds, faults: Sequence[Struck], found: Findings
) -> None:
    """Duplicates, inversions, and changes out of nowhere."""
    for (time_s, id), flaw in flaws(feeds.received.get(channel, ()), feeds.committed):
        case = Case(channel, id, feeds.committed.get(id, time_s))
        if flaw == "unpublished":
            found.uncommitted.append(case)
        elif flaw == "once":
            (found.excused if _spoilt(faults, case, "once") else found.duplicated).append(case)
        elif flaw == "order":
            (found.excused if _spoilt(faults, case, "order") else found.reordered).append(case)


def _check_losses(
    channel: Channel,
    span: Span,
    feeds: Feeds,
    run: Course,
    faults: Sequence[Struck],
    found: Findings,
) -> None:
    """What was committed while a feed was said to be live, and what became of it."""
    had = {receipt.id: None for receipt in feeds.received.get(channel, ())}
    highest = max(had, default=-1)
    for id, time_s in feeds.committed.items():
        # At the very moment of `feed_live` the change may have been first.
        if not span.from_s < time_s < span.to_s - LAG_S:
            continue
        found.owed += 1
        if id in had or (id > highest and time_s > run.end_s - SETTLE_S):
            continue
        case = Case(channel, id, time_s)
        if any(time_s in gap for gap in feeds.gaps.get(channel, ())):
            found.told.append(case)
        elif _is_excused(case, span, feeds, run, faults):
            found.excused.append(case)
        else:
            found.untold.append(case)


def _is_excused(
    case: Case, claim: Span, feeds: Feeds, run: Course, faults: Sequence[Struck]
) -> bool:
    """Whether the server itself lost it, or its client stood still then and could never tell."""
    stills = _spoiling(faults, case, "word")
    return any(_spoilt(faults, case, how) for how in LOSSES) or any(
        not _could_tell(still, case, claim, feeds, run) for still in stills
    )


def _spoilt(faults: Sequence[Struck], case: Case, how: str) -> bool:
    """Whether the server itself spoilt what was committed then."""
    return next(_spoiling(faults, case, how), None) is not None


def _spoiling(faults: Sequence[Struck], case: Case, how: str) -> Iterator[Struck]:
    """The faults that struck its client when it was committed, and spoil that."""
    for fault in faults:
        if (
            how in fault.spoils
            and fault.struck(case.channel[0])
            and fault.start_s - LAG_S < case.time_s <= fault.until_s
        ):
            yield fault


def _could_tell(still: Struck, case: Case, claim: Span, feeds: Feeds, run: Course) -> bool:
    """Whether the client went on in time to tell of its gap: it still claims that its feed is live,
    or did so again, before the channel was left."""
    if still.until_s > run.end_s - SETTLE_S:
        return False
    if claim.to_s == math.inf:
        return True
    (want,) = (one for one in feeds.wanted[case.channel] if claim.from_s in one)
    again_s = (one.from_s for one in feeds.live[case.channel] if one.from_s >= claim.to_s)
    return any(at_s < want.to_s for at_s in again_s)


class Back(NamedTuple):
    """One feed's way back, in seconds since it had to be live again; None for what never came."""

    took_s: float | None
    """To the first change committed since, with the feed live."""
    offered_s: float | None
    """To the first commit."""
    since_s: float


def _back_s(channel: Channel, feeds: Feeds, run: Course) -> Back:
    since_s = max(run.calm_s if run.has_faults else 0.0, feeds.wanted[channel][-1].from_s)
    offered_s = next((at_s for at_s in feeds.committed.values() if at_s > since_s), None)
    first_s = next(
        (
            receipt.time_s
            for receipt in feeds.received.get(channel, ())
            if feeds.committed.get(receipt.id, -1.0) > since_s
        ),
        None,
    )
    claims = feeds.live.get(channel, [])
    is_live = bool(claims) and claims[-1].to_s == math.inf
    took_s = max(first_s, claims[-1].from_s) - since_s if is_live and first_s is not None else None
    return Back(took_s, None if offered_s is None else offered_s - since_s, since_s)


def _was_well(case: Case, back: Back | None, history: History, run: Course) -> bool:
    """Whether it was committed before anything went wrong, or after the feed was back."""
    if case.time_s < run.first_fault_s - LAG_S:
        return True
    if back is None or back.took_s is None:
        return False
    return case.time_s > back.since_s + back.took_s + history.header.grace_s


def _verdict(
    history: History, found: Findings, back: Mapping[Channel, Back], run: Course
) -> Verdict:
    within_s = history.header.recovery_within_s
    slis = _slis(found, back, run)
    reproaches = {
        "lost without a word while the feed was said to be live": found.untold,
        "told as missing where nothing was wrong": found.needless,
        "received twice": found.duplicated,
        "received out of order": found.reordered,
        "received but never committed": found.uncommitted,
    }
    parts = [
        f"{count(len(cases), 'change')} {what} (first {cases[0]})"
        for what, cases in reproaches.items()
        if cases
    ]
    late, unseen = _late(back, within_s, run)
    if late:
        said_last = last_word(history, late[0], _word)
        parts.append(
            f"the feed of {listed(map(_name, late))} was not live again with a change within "
            f"{seconds(within_s)} of the last fault ({said_last})"
        )
    evidence: dict[str, Any] = {
        what: examples([str(case) for case in cases]) for what, cases in reproaches.items() if cases
    }
    evidence |= {"owed": found.owed, "told as missing": len(found.told)}
    evidence |= {"excused": len(found.excused)} if found.excused else {}
    if parts:
        return Verdict(Outcome.INVALID, "; ".join(parts), evidence, slis)
    if unseen or not found.owed:
        reason = f"too little was seen of the feed of {listed(map(_name, unseen or back))}"
        return Verdict(Outcome.UNKNOWN, reason, evidence, slis)
    reason = (
        f"{count(found.owed, 'change')} committed while a feed was live, each received once and "
        f"in order or told as missing ({len(found.told)})"
    )
    if found.excused:
        reason += f"; {len(found.excused)} excused, for a fault spoilt them or nobody could tell"
    return Verdict(Outcome.VALID, reason, evidence, slis)


def _late(
    back: Mapping[Channel, Back], within_s: float, run: Course
) -> tuple[list[Channel], list[Channel]]:
    """The feeds that were not back in time, and those of which that cannot be said."""
    late: list[Channel] = []
    unseen: list[Channel] = []
    if not run.has_faults:
        return late, unseen
    for channel, one in back.items():
        if one.took_s is not None and one.took_s <= within_s:
            continue
        unasked = one.offered_s is None or one.offered_s > within_s
        cut_short = one.took_s is None and run.end_s < one.since_s + within_s
        (unseen if unasked or cut_short else late).append(channel)
    return late, unseen


def _slis(found: Findings, back: Mapping[Channel, Back], run: Course) -> dict[str, Sli]:
    times_s = [one.took_s for one in back.values()]
    known_s = [time_s for time_s in times_s if time_s is not None]
    worst_s = max(known_s, default=None) if len(known_s) == len(times_s) else None
    slis = {
        "changes_lost": Sli(value=len(found.untold), unit="changes"),
        "changes_told_missing": Sli(value=len(found.told), unit="changes"),
        "changes_duplicated": Sli(value=len(found.duplicated), unit="changes"),
    }
    return {**slis, "feed_recovery_s": Sli(value=worst_s, unit="s")} if run.has_faults else slis


def _why(history: History) -> str:
    failed: Sequence[Op] = history.where("insert", process="source", type="fail")
    return f": {failed[0].error}" if failed else ""


def _name(channel: Channel) -> str:
    return f"{channel[0]} on {channel[1]!r}"
