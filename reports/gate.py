"""The gate: which objectives hold, and whether a deploy may go on. Decides; prints nothing.

No data never passes: a planned cell without a verdict, a number that a checker should have measured
and did not, a run in which nothing gates are all *unknown*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from harness.verdict import Outcome, Verdict
from reports.diff import Change
from reports.model import Row
from reports.slo import Objective, Slo

REGRESSION = "no_regression"
"""The objective that a baseline adds."""


class Status(StrEnum):
    """What became of an objective."""

    HOLDS = "holds"
    UNKNOWN = "unknown"
    BROKEN = "broken"
    LEFT_OUT = "left out"


class Exit(IntEnum):
    """Exit codes of `python -m reports gate`; a broken objective outranks a missing one."""

    HOLDS = 0
    BROKEN = 1
    UNKNOWN = 2
    USAGE = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What one cell says of one objective; `status` is None where the objective does not apply."""

    status: Status | None
    reason: str
    value: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One objective, held against every cell of one client and scenario."""

    scenario: str
    client: str
    name: str
    limit: str
    status: Status
    reason: str
    measured: float | None = None
    """The number in the cell that decided; None for a verdict, or where none came to be."""
    unit: str = ""
    row: Row | None = None
    """The cell that decided, where one did."""

    @property
    def title(self) -> str:
        """`outage/recovery_s of manager`."""
        return f"{self.scenario}/{self.name} of {self.client}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says."""

    exit: Exit
    reason: str
    """One sentence."""
    objectives: tuple[Held, ...]

    def with_status(self, status: Status) -> list[Held]:
        """The objectives that ended so."""
        return [one for one in self.objectives if one.status is status]


def decide(rows: Iterable[Row], slo: Slo, changes: Sequence[Change] = ()) -> Decision:
    """Hold the cells that gate to the objectives, and to `changes` since a baseline."""
    gating = [row for row in rows if row.gates]
    applying = [row for row in gating if row.result.outcome is not Outcome.NOT_APPLICABLE]
    clients = list(dict.fromkeys(row.result.cell.client for row in gating))
    objectives = [
        one
        for client in clients
        for one in _client(client, [row for row in applying if _of(row, client)], slo)
    ]
    objectives += _regressions(changes, clients)
    return _decision(tuple(objectives), len(applying), bool(gating))


def _of(row: Row, client: str) -> bool:
    return row.result.cell.client == client


def _client(client: str, rows: Sequence[Row], slo: Slo) -> Iterator[Held]:
    """Every objective for one client; those that met no evidence come last."""
    unmet = {(one.pattern, one.name): one for one in slo.objectives}
    for scenario in dict.fromkeys(row.result.cell.scenario for row in rows):
        of_scenario = [row for row in rows if row.result.cell.scenario == scenario]
        effective = slo.effective(scenario)
        for objective in (one for one in slo.objectives if one.matches(scenario)):
            if objective not in effective:  # Another one stands in for it here.
                unmet.pop((objective.pattern, objective.name), None)
                continue
            if held := hold(objective, scenario, client, of_scenario):
                unmet.pop((objective.pattern, objective.name), None)
                yield held
    for objective in unmet.values():
        yield _without_evidence(objective, client, partial=slo.partial and bool(rows))


def hold(objective: Objective, scenario: str, client: str, rows: Sequence[Row]) -> Held | None:
    """Hold one scenario's cells to an objective; None where it applies to none of them."""
    found = [(find(objective, row), row) for row in rows]
    applying = [(finding, row) for finding, row in found if finding.status]
    if not applying and objective.is_exact:
        nothing = Finding(Status.UNKNOWN, f"nothing measured {objective.name}")
        return _held(objective, scenario, client, nothing, rows[0])
    if not applying:
        return None
    finding, row = max(applying, key=lambda pair: _badness(objective, pair[0]))
    return _held(objective, scenario, client, finding, row)


def _badness(objective: Objective, finding: Finding) -> tuple[int, float]:
    """How strongly a cell decides: by status, then by how far its number went."""
    rank = (Status.HOLDS, Status.UNKNOWN, Status.BROKEN).index(finding.status or Status.HOLDS)
    if finding.value is None:
        return rank, float("inf") if rank else 0.0
    return rank, -finding.value if objective.max is None else finding.value


def _held(objective: Objective, scenario: str, client: str, finding: Finding, row: Row) -> Held:
    return Held(
        scenario=scenario,
        client=client,
        name=objective.name,
        limit=objective.limit,
        status=finding.status or Status.UNKNOWN,
        reason=finding.reason,
        measured=finding.value,
        unit=finding.unit,
        row=row,
    )


def find(objective: Objective, row: Row) -> Finding:
    """What one cell says of one objective."""
    if row.result.judgement is None:
        return Finding(Status.UNKNOWN, row.reason)
    if objective.checker:
        return _find_checker(objective.checker, row)
    if objective.is_verdict:
        return Finding(_STATUS[row.result.outcome], row.reason)
    return _find_number(objective, row)


_STATUS = {
    Outcome.VALID: Status.HOLDS,
    Outcome.INVALID: Status.BROKEN,
    Outcome.UNKNOWN: Status.UNKNOWN,
    Outcome.NOT_APPLICABLE: None,
}


def _find_checker(name: str, row: Row) -> Finding:
    assert row.result.judgement is not None, "the caller has looked"
    verdict = row.result.judgement.checkers.get(name)
    if verdict is None:
        return _absent(row, f"{name} did not judge")
    return Finding(_STATUS[verdict.outcome], f"{name}: {verdict.reason}")


def _find_number(objective: Objective, row: Row) -> Finding:
    verdict = _measured_by(objective.name, row)
    if verdict is None:
        return _absent(row, f"nothing measured {objective.name}")
    sli = verdict.slis[objective.name]
    if sli.value is None:
        status = Status.BROKEN if verdict.outcome is Outcome.INVALID else Status.UNKNOWN
        return Finding(status, f"no {objective.name}: {verdict.reason}", None, sli.unit)
    words = f"{objective.name} is {sli.value:g} {sli.unit} ({objective.limit} allowed)"
    if verdict.outcome is Outcome.UNKNOWN:
        return Finding(Status.UNKNOWN, f"{words}, but {verdict.reason}", sli.value, sli.unit)
    status = Status.HOLDS if objective.allows(sli.value) else Status.BROKEN
    return Finding(status, words, sli.value, sli.unit)


def _measured_by(name: str, row: Row) -> Verdict | None:
    assert row.result.judgement is not None, "the caller has looked"
    verdicts = row.result.judgement.checkers.values()
    return next((verdict for verdict in verdicts if name in verdict.slis), None)


def _absent(row: Row, reason: str) -> Finding:
    """What is absent does not apply, unless the cell is unknown: then it may only be missing."""
    status = Status.UNKNOWN if row.result.outcome is Outcome.UNKNOWN else None
    return Finding(status, f"{reason}: {row.reason}")


def _without_evidence(objective: Objective, client: str, *, partial: bool) -> Held:
    return Held(
        scenario=objective.pattern,
        client=client,
        name=objective.name,
        limit=objective.limit,
        status=Status.LEFT_OUT if partial else Status.UNKNOWN,
        reason="nothing in this run measured it",
    )


def _regressions(changes: Sequence[Change], clients: Sequence[str]) -> Iterator[Held]:
    """One objective for each scenario and client that the baseline knows."""
    compared: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        scenario, client, _ = change.key
        if change.gates and change.before is not None and client in clients:
            compared.setdefault((scenario, client), []).append(change)
    for (scenario, client), of_both in compared.items():
        status, reason = _regression(of_both)
        yield Held(
            scenario=scenario,
            client=client,
            name=REGRESSION,
            limit="not worse than the baseline",
            status=status,
            reason=reason,
        )


def _regression(changes: Sequence[Change]) -> tuple[Status, str]:
    for change in changes:
        if change.is_regression:
            world = change.key[2]
            return Status.BROKEN, f"valid in the baseline, invalid now in {world}: {change.reason}"
    for change in changes:
        if change.is_gone:
            return Status.UNKNOWN, f"valid in the baseline in {change.key[2]}, not in this run"
    return Status.HOLDS, "no verdict went from valid to invalid"


def _decision(objectives: tuple[Held, ...], cells: int, gates: bool) -> Decision:
    broken = [one for one in objectives if one.status is Status.BROKEN]
    unknown = [one for one in objectives if one.status is Status.UNKNOWN]
    of = sum(one.status is not Status.LEFT_OUT for one in objectives)
    if broken:
        return Decision(Exit.BROKEN, f"{_some(broken, of)} broken: {_first(broken)}", objectives)
    if why := _nothing(cells, gates, of):
        return Decision(Exit.UNKNOWN, why, objectives)
    if unknown:
        words = f"{_some(unknown, of)} without evidence: {_first(unknown)}"
        return Decision(Exit.UNKNOWN, words, objectives)
    words = "1 objective holds" if of == 1 else f"all {of} objectives hold"
    return Decision(Exit.HOLDS, f"{words} in {_count(cells, 'cell')}", objectives)


def _nothing(cells: int, gates: bool, objectives: int) -> str | None:
    """Why there is nothing to decide on, if so."""
    if not gates:
        return "nothing gates: no cell of a client under test was planned (compared ones never do)"
    if not cells:
        return "nothing applies: no world of this run could express a planned scenario"
    if not objectives:
        return "no objective matched anything in this run"
    return None


def _some(some: Sequence[Held], of: int) -> str:
    return f"{len(some)} of {_count(of, 'objective')} {'is' if len(some) == 1 else 'are'}"


def _first(some: Sequence[Held]) -> str:
    return f"{some[0].title}: {some[0].reason}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
