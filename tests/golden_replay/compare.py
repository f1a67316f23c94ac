"""The comparison: what was recorded and what was seen in, the differences out; no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from tests.golden_replay.normalise import (
    Values,
    may_swap,
    normalise,
    tolerance_s,
    without_own_leaves,
)
from tests.golden_replay.transcript import UNKNOWN_CLOSE, Arrival, Arrivals, Case, Frame

_BARE_OPEN = Frame("open", "101")
_SAID_BACK = ("long-polling token",)
"""What the server made up although the client's lines have it: they repeat it."""
_RUN_MAX = 8
"""How many frames one frame may pass in a race."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise than it was recorded."""

    line: int
    """The line of the transcript; 0 when nothing was recorded there."""
    conn: str
    expected: str
    got: str


@dataclass
class _Renaming:
    """One renaming for a whole case: what a recorded value is called now, and the way back."""

    inputs: str
    there: dict[tuple[str, str], str] = field(default_factory=dict)
    back: dict[tuple[str, str], str] = field(default_factory=dict)

    def explains(self, expected: Values, seen: Values) -> bool:
        """Whether the values of two frames are the same under this renaming, which learns."""
        return all(
            self._same(what, old, new) for (what, old), (_, new) in zip(expected, seen, strict=True)
        )

    def _same(self, what: str, old: str, new: str) -> bool:
        if old != new and old in self.inputs and what not in _SAID_BACK:
            return False  # The client gave it: it is no value that the server made up.
        known = self.there.setdefault((what, old), new), self.back.setdefault((what, new), old)
        return known == (new, old)


def compare(case: Case, seen: Arrivals) -> list[Difference]:
    """Every difference between a recorded case and what came when it was replayed."""
    renaming = _Renaming(case.inputs)
    return [
        difference
        for conn in {**case.expected, **seen}
        for difference in _compare_one(
            case, conn, case.expected.get(conn, []), seen.get(conn, []), renaming
        )
    ]


def _compare_one(
    case: Case, conn: str, expected: list[Arrival], seen: list[Arrival], renaming: _Renaming
) -> Iterator[Difference]:
    seen = _counted(expected, _as_recorded(expected, seen))
    expected, seen = _with_as_many_leaves(case, conn, expected, seen)
    shapes = [normalise(arrival.frame) for arrival in expected]
    seen = _in_recorded_order(case, conn, expected, [shape for shape, _ in shapes], seen)
    seen_shapes = [normalise(arrival.frame) for arrival in seen]
    blocks = SequenceMatcher(
        None, [shape for shape, _ in shapes], [shape for shape, _ in seen_shapes], autojunk=False
    ).get_opcodes()
    for tag, e_from, e_to, s_from, s_to in blocks:
        if tag != "equal":
            yield from _unequal(conn, expected[e_from:e_to], seen[s_from:s_to])
            continue
        for index in range(e_to - e_from):
            old, new = expected[e_from + index], seen[s_from + index]
            if not renaming.explains(shapes[e_from + index][1], seen_shapes[s_from + index][1]):
                yield Difference(old.line, conn, old.frame.body, new.frame.body)
            if abs(new.at_s - old.at_s) > tolerance_s(old.frame):
                yield Difference(
                    old.line, conn, f"{old.frame.body} at {old.at_s:.2f} s", f"{new.at_s:.2f} s"
                )


def _unequal(conn: str, expected: list[Arrival], seen: list[Arrival]) -> Iterator[Difference]:
    for index in range(max(len(expected), len(seen))):
        old = expected[index] if index < len(expected) else None
        new = seen[index] if index < len(seen) else None
        yield Difference(old.line if old else 0, conn, _told(old), _told(new))


def _told(arrival: Arrival | None) -> str:
    return f"{arrival.frame.kind} {arrival.frame.body}" if arrival else "nothing"


def _as_recorded(expected: list[Arrival], seen: list[Arrival]) -> list[Arrival]:
    """What was seen without what a relay left out: the headers of a 101, the code of a close."""
    recorded = [arrival.frame for arrival in expected]
    return [replace(arrival, frame=_short(arrival.frame, recorded)) for arrival in seen]


def _short(frame: Frame, recorded: list[Frame]) -> Frame:
    status = Frame(frame.kind, frame.body.partition("\n")[0])
    if status == _BARE_OPEN and _BARE_OPEN in recorded:
        return _BARE_OPEN
    if frame.kind == "close" and UNKNOWN_CLOSE in recorded:
        return UNKNOWN_CLOSE
    return frame


def _counted(expected: list[Arrival], seen: list[Arrival]) -> list[Arrival]:
    """What was seen, with the frames that are not listed counted where they were recorded."""
    for index, arrival in enumerate(expected):
        if arrival.frame.kind == "count":
            later = sum(_weight(other) for other in expected[index + 1 :])
            number = max(0, len(seen) - index - later)
            counted = replace(arrival, frame=Frame("count", str(number)))
            seen = [*seen[:index], counted, *seen[index + number :]]
    return seen


def _weight(arrival: Arrival) -> int:
    return int(arrival.frame.body) if arrival.frame.kind == "count" else 1


def _with_as_many_leaves(
    case: Case, conn: str, expected: list[Arrival], seen: list[Arrival]
) -> tuple[list[Arrival], list[Arrival]]:
    """Where one side was told of its own leaving and the other was not, neither was."""
    old, new = (without_own_leaves(case, conn, side) for side in (expected, seen))
    if len(expected) - len(old) == len(seen) - len(new):
        return expected, seen
    return old, new


def _in_recorded_order(
    case: Case, conn: str, expected: list[Arrival], shapes: list[str], seen: list[Arrival]
) -> list[Arrival]:
    """What was seen, with those frames set back that came in another order of a race."""
    pending = list(range(len(expected)))
    placed: list[tuple[float, Arrival]] = []
    last = -1.0
    for arrival in seen:
        shape = normalise(arrival.frame)[0]
        at = _earliest(case, conn, expected, shapes, pending, shape)
        if at is not None:
            last = pending.pop(at)
        placed.append((last if at is not None else last + 0.5, arrival))
    return [arrival for _, arrival in sorted(placed, key=lambda pair: pair[0])]


def _earliest(
    case: Case,
    conn: str,
    expected: list[Arrival],
    shapes: list[str],
    pending: list[int],
    shape: str,
) -> int | None:
    for at, index in enumerate(pending[:_RUN_MAX]):
        if shapes[index] == shape and all(
            may_swap(case, conn, expected[passed], expected[index]) for passed in pending[:at]
        ):
            return at
    return None
