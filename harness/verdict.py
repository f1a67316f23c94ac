"""Verdicts: what a checker concludes from a history, and how several conclusions become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What may be concluded; Jepsen's three values and one for what a world cannot express."""

    VALID = "valid"
    UNKNOWN = "unknown"
    INVALID = "invalid"
    NOT_APPLICABLE = "not applicable"


# Jepsen's priorities: one invalid outweighs any unknown, one unknown outweighs any valid.
_PRIORITY = {
    Outcome.NOT_APPLICABLE: 0,
    Outcome.VALID: 1,
    Outcome.UNKNOWN: 2,
    Outcome.INVALID: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sli:
    """A service level indicator: one measured number and its unit (`s`, `1/s`, `messages`, …)."""

    value: float | None
    """The number; None when it never came to be (a client that never recovered)."""
    unit: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One checker's conclusion, or the worst of several, with its evidence.

    `reason` is one sentence a person can read. `evidence` holds JSON values only: counts, the
    first and the worst case. `slis` are the numbers measured on the way, by name.
    """

    outcome: Outcome
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    slis: Mapping[str, Sli] = field(default_factory=dict)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that decides; `not applicable` when nothing applied at all."""
    return max(outcomes, key=_PRIORITY.__getitem__, default=Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all checkers together say of one run of one scenario."""

    checkers: Mapping[str, Verdict]

    @property
    def outcome(self) -> Outcome:
        """The worst of the checkers' outcomes."""
        return worst(verdict.outcome for verdict in self.checkers.values())

    @property
    def reason(self) -> str:
        """The sentences of the checkers that decided."""
        return "; ".join(
            f"{name}: {verdict.reason}"
            for name, verdict in self.checkers.items()
            if verdict.outcome == self.outcome
        )

    @property
    def slis(self) -> dict[str, Sli]:
        """Every number measured, by name."""
        return {
            name: sli for verdict in self.checkers.values() for name, sli in verdict.slis.items()
        }
