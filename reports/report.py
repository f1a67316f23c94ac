"""One report: what the runs are, what they showed, what the gate says, what changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.diff import Change, compare
from reports.gate import Decision, decide
from reports.load import Run, rows_of
from reports.model import Group, Row, group
from reports.slo import Slo


@dataclass(frozen=True, slots=True)
class Report:
    """What every format renders."""

    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    decision: Decision
    changes: tuple[Change, ...] | None = None
    """What is different from the baseline; None without one."""


def report(runs: Sequence[Run], slo: Slo, baseline: Sequence[Run] | None = None) -> Report:
    """Hold runs to objectives, and to the runs of a baseline if there are any."""
    rows = tuple(rows_of(runs))
    changes = None if baseline is None else tuple(compare(rows_of(baseline), rows))
    return Report(tuple(runs), rows, tuple(group(rows)), decide(rows, slo, changes or ()), changes)
