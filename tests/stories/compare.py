"""Whether two tellings of a case are the same story, and in words where they are not.

The tolerances are those of the recordings' own second run (`clients-under-faults.md`): statuses,
states, answers, connects and joins are equal; what is late may be one second late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tests.stories.story import BRIEF_S, Held, Story, collapsed

HEAL_TO_PROBE_S = 1.0
LOST = 6
CUT_BY_BYTES = 0.1
"""Where connections end after so many bytes, it varies at which of them the cut falls."""
_WORDS = {
    "upgrade_requests": "requests at the server",
    "101": "WebSockets opened",
    "joins_sent": "joins of the judged topic",
    "joins_sent_all_topics": "joins of all topics",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is told otherwise."""

    what: str
    recorded: str
    seen: str
    tolerance: str = ""

    def __str__(self) -> str:
        within = f" (tolerance: {self.tolerance})" if self.tolerance else ""
        return f"{self.what}: recorded {self.recorded}; seen {self.seen}{within}"


def compare(recorded: Story, seen: Story) -> list[Difference]:
    """Every difference; none means that it is the same story."""
    return [
        *_statuses(recorded, seen),
        *_states(recorded, seen),
        *_mappings("the app's calls", recorded.results, seen.results),
        *_mappings("in the end", recorded.finals, seen.finals),
        *_equal("the client's process ended", recorded.ended, seen.ended),
        *_equal("unhandled exceptions", str(recorded.unhandled), str(seen.unhandled)),
        *_counts(recorded, seen),
        *_losses(recorded, seen),
        *_heal_to_probe(recorded, seen),
    ]


def _equal(what: str, recorded: str, seen: str) -> Iterator[Difference]:
    if recorded != seen:
        yield Difference(what, recorded, seen)


def _statuses(recorded: Story, seen: Story) -> Iterator[Difference]:
    for channel in _keys(recorded.statuses, seen.statuses):
        ours, theirs = (story.statuses.get(channel, ()) for story in (seen, recorded))
        if recorded.cut_by_bytes:
            ours, theirs = collapsed(ours), collapsed(theirs)
        yield from _equal(f"statuses of channel {channel}", _listed(theirs), _listed(ours))


def _states(recorded: Story, seen: Story) -> Iterator[Difference]:
    pairs = [("states of the socket", recorded.socket_states, seen.socket_states)]
    for channel in _keys(recorded.channel_states, seen.channel_states):
        theirs = recorded.channel_states.get(channel, ())
        ours = seen.channel_states.get(channel, ())
        pairs.append((f"states of channel {channel}", theirs, ours))
    for what, theirs, ours in pairs:
        if not _same_course(theirs, ours, recorded.cut_by_bytes):
            tolerance = f"states that last less than {BRIEF_S:g} s may be missed"
            yield Difference(what, _course(theirs), _course(ours), tolerance)


def _same_course(recorded: tuple[Held, ...], seen: tuple[Held, ...], cut_by_bytes: bool) -> bool:
    if cut_by_bytes:
        lasting = [
            collapsed(tuple(held.state for held in course if not held.brief))
            for course in (recorded, seen)
        ]
        return lasting[0] == lasting[1]
    return same_but_for_brief(recorded, seen)


def same_but_for_brief(first: tuple[Held, ...], second: tuple[Held, ...]) -> bool:
    """Whether two courses are equal when states that were brief may be missing from either; a
    state with nothing but missing ones in between is one with itself."""
    # `reached[j]`: everything so far of the first fits the first j of the second.
    reached = [True]
    for held in second:
        reached.append(reached[-1] and held.brief)
    for one in first:
        row = [reached[0] and one.brief]
        for number, other in enumerate(second):
            same = one.state == other.state
            both = reached[number] and same
            only_one = reached[number + 1] and (one.brief or same)
            only_other = row[-1] and (other.brief or same)
            row.append(both or only_one or only_other)
        reached = row
    return reached[-1]


def _mappings(
    what: str, recorded: Mapping[str, object], seen: Mapping[str, object]
) -> Iterator[Difference]:
    for key in _keys(recorded, seen):
        theirs, ours = recorded.get(key, "nothing"), seen.get(key, "nothing")
        yield from _equal(f"{what}, {key}", _listed(theirs), _listed(ours))


def _counts(recorded: Story, seen: Story) -> Iterator[Difference]:
    for name in _keys(recorded.counts, seen.counts):
        theirs, ours = recorded.counts.get(name, 0), seen.counts.get(name, 0)
        margin = max(1.0, CUT_BY_BYTES * theirs) if recorded.cut_by_bytes else 0.0
        if abs(theirs - ours) > margin:
            yield Difference(_WORDS[name], str(theirs), str(ours), _margin(margin))


def _losses(recorded: Story, seen: Story) -> Iterator[Difference]:
    for name in _keys(recorded.losses, seen.losses):
        theirs, ours = recorded.losses.get(name, 0), seen.losses.get(name, 0)
        margin = LOST if "lost" in name else 0
        if abs(theirs - ours) > margin:
            yield Difference(name, str(theirs), str(ours), _margin(margin))


def _heal_to_probe(recorded: Story, seen: Story) -> Iterator[Difference]:
    theirs, ours = recorded.heal_to_probe_s, seen.heal_to_probe_s
    if theirs is None or ours is None:
        same = theirs is None and ours is None
    else:
        same = abs(theirs - ours) <= probe_margin_s(recorded, seen)
    if not same:
        tolerance = _margin(probe_margin_s(recorded, seen), " s")
        yield Difference("from the heal to the first probe", _s(theirs), _s(ours), tolerance)


def probe_margin_s(recorded: Story, seen: Story) -> float:
    """One second; where an attempt to connect fell within a second of the heal, the step of the
    back-off that follows it, as luck decides whether that attempt or the next gets through."""
    margin_s = HEAL_TO_PROBE_S
    for story in (recorded, seen):
        for at_s, next_s in pairwise(story.attempts_s):
            if story.healed_s is not None and abs(at_s - story.healed_s) <= HEAL_TO_PROBE_S:
                margin_s = max(margin_s, next_s - at_s)
    return margin_s


def _keys(first: Mapping[str, object], second: Mapping[str, object]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _listed(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value)


def _course(states: tuple[Held, ...]) -> str:
    return ", ".join(f"{held.state} {held.for_s:.1f} s" for held in states) or "none"


def _margin(margin: float, unit: str = "") -> str:
    return f"± {margin:.3g}{unit}" if margin else "none"


def _s(time_s: float | None) -> str:
    return "never" if time_s is None else f"{time_s:.2f} s"
