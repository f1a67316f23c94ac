"""What a report is about: the planned cells of some runs, and the groups that they form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.store import Result
from harness.verdict import Outcome, Sli, worst
from reports.slis import worst_value

NO_VERDICT = "no verdict was reached: the run ended before this cell did"


@dataclass(frozen=True, slots=True)
class Row:
    """One planned cell of one run."""

    result: Result
    gates: bool = False
    """Whether its client was under test; one that was only compared never enters the gate."""
    run: str = ""
    """The folder of its run."""

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in one sentence."""
        return self.result.judgement.reason if self.result.judgement else NO_VERDICT

    @property
    def slis(self) -> dict[str, Sli]:
        """The numbers measured in this cell."""
        return self.result.judgement.slis if self.result.judgement else {}


GroupKey = tuple[str, str, str]
"""Scenario, client, world."""


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of one scenario, client and world: all seeds, and all runs that hold them."""

    scenario: str
    client: str
    world: str
    rows: tuple[Row, ...]

    @property
    def key(self) -> GroupKey:
        """What it is compared by."""
        return self.scenario, self.client, self.world

    @property
    def gates(self) -> bool:
        """Whether any of its cells does."""
        return any(row.gates for row in self.rows)

    @property
    def outcome(self) -> Outcome:
        """The worst of its cells' outcomes."""
        return worst(row.result.outcome for row in self.rows)

    @property
    def deciding(self) -> tuple[Row, ...]:
        """The cells with the worst outcome."""
        return tuple(row for row in self.rows if row.result.outcome == self.outcome)

    @property
    def slis(self) -> dict[str, Sli]:
        """Each number, the worst of the cells that measured it."""
        units = {name: sli.unit for row in self.rows for name, sli in row.slis.items()}
        return {
            name: Sli(value=worst_value(name, self._values(name)), unit=unit)
            for name, unit in units.items()
        }

    def _values(self, name: str) -> list[float | None]:
        return [row.slis[name].value for row in self.rows if name in row.slis]


def group(rows: Iterable[Row]) -> list[Group]:
    """Bring rows together by scenario, client and world, in order of first appearance."""
    together: dict[GroupKey, list[Row]] = {}
    for row in rows:
        cell = row.result.cell
        together.setdefault((cell.scenario, cell.client, cell.world), []).append(row)
    return [Group(*key, tuple(of_key)) for key, of_key in together.items()]


def missing(rows: Sequence[Row]) -> int:
    """How many planned cells have no verdict."""
    return sum(row.result.judgement is None for row in rows)
