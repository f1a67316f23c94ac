"""What changed between two sets of runs: verdicts first, then numbers and which way they went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.verdict import Outcome, Sli
from reports.model import Group, GroupKey, Row, group
from reports.slis import better

Direction = Literal["better", "worse", "different"]

SIGNIFICANT_DIGITS = 3
"""Numbers that agree to so many digits are the same: real time does not repeat itself closer."""


@dataclass(frozen=True, slots=True)
class NumberChange:
    """One number before and after; None where it was not measured or never came to be."""

    name: str
    before: float | None
    after: float | None
    unit: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Change:
    """One scenario, client and world before and after; an outcome of None means not planned."""

    key: GroupKey
    before: Outcome | None
    after: Outcome | None
    gates: bool
    """Whether the client is under test in the later run, or was in a cell that is gone."""
    reason: str = ""
    """Why the later verdict is what it is."""
    numbers: tuple[NumberChange, ...] = field(default=())

    @property
    def is_regression(self) -> bool:
        """Whether what was valid is invalid now."""
        return self.before is Outcome.VALID and self.after is Outcome.INVALID

    @property
    def is_gone(self) -> bool:
        """Whether a valid verdict of before has no counterpart now."""
        return self.before is Outcome.VALID and self.after is None

    @property
    def is_change(self) -> bool:
        """Whether there is anything to say."""
        return self.before is not self.after or bool(self.numbers)


def compare(before: Iterable[Row], after: Iterable[Row]) -> list[Change]:
    """Set every scenario, client and world of both sides against each other."""
    old = {one.key: one for one in group(before)}
    new = {one.key: one for one in group(after)}
    return [_change(key, old.get(key), new.get(key)) for key in {**old, **new}]


def changed(changes: Sequence[Change]) -> list[Change]:
    """Those with something to say, changed verdicts first."""
    return sorted(
        (one for one in changes if one.is_change), key=lambda one: one.before is one.after
    )


def _change(key: GroupKey, before: Group | None, after: Group | None) -> Change:
    either = after or before
    assert either is not None, "a key comes from one of the sides"
    return Change(
        key=key,
        before=before.outcome if before else None,
        after=after.outcome if after else None,
        gates=either.gates,
        reason=after.deciding[0].reason if after else "",
        numbers=_numbers(before.slis, after.slis) if before and after else (),
    )


def _numbers(before: Mapping[str, Sli], after: Mapping[str, Sli]) -> tuple[NumberChange, ...]:
    return tuple(
        NumberChange(name, old.value, new.value, new.unit, _direction(name, old.value, new.value))
        for name, new in after.items()
        if (old := before.get(name)) and not _same(old.value, new.value)
    )


def _same(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return f"{before:.{SIGNIFICANT_DIGITS}g}" == f"{after:.{SIGNIFICANT_DIGITS}g}"


def _direction(name: str, before: float | None, after: float | None) -> Direction:
    if before is None or after is None:
        return "better" if before is None else "worse"
    way = better(name)
    if way == "neither":
        return "different"
    return "better" if (after < before) == (way == "lower") else "worse"
