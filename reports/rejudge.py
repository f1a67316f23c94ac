"""Judges recorded histories again with today's checkers; decides first, writes only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.checkers import judge
from harness.history import History, MalformedHistory
from harness.store import BadRun, Result, Store
from harness.verdict import Judgement
from reports.load import load_run

Judge = Callable[[History], Judgement]

BROKEN_RUN = "run"
"""The name under which the runner, not a checker, says that a run broke or could not be told."""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """One cell; `after` is None when it was not judged again, and `why_not` says why."""

    before: Result
    after: Judgement | None
    why_not: str = ""


def rejudge(store: Store, judge: Judge = judge) -> list[Rejudged]:
    """Judge every planned cell of a run anew, without writing. Raises `BadRun`.

    Only a history that reached its end is judged: a checker could take the rest of one that was
    cut short for the silence of a dead client. The verdict of a scenario's own checker, which is
    not among today's, is kept as it was recorded.
    """
    return [_rejudge(store, row.result, judge) for row in load_run(store).rows]


def write(store: Store, rejudged: list[Rejudged]) -> None:
    """Write the new verdicts and numbers into the run folder."""
    for one in rejudged:
        if one.after:
            store.write_judgement(one.before.cell, one.after, one.before.replay)


def _rejudge(store: Store, before: Result, judge: Judge) -> Rejudged:
    recorded = before.judgement.checkers if before.judgement else {}
    if BROKEN_RUN in recorded:
        return Rejudged(before, None, recorded[BROKEN_RUN].reason)
    if not (store.folder / before.cell.path / "history.jsonl").exists():
        return Rejudged(before, None, "no history was recorded")
    history = _history(store, before)
    if not _ended(history):
        return Rejudged(before, None, "the run ended before its story did")
    if not history.where("open", type="invoke"):
        return Rejudged(before, None, "no client process took part: not a storm's history")
    return Rejudged(before, Judgement({**recorded, **judge(history).checkers}))


def _ended(history: History) -> bool:
    phases = history.where("phase", process="run")
    return any(dict(op.value) == {"phase": "end"} for op in phases)


def _history(store: Store, result: Result) -> History:
    cell = result.cell
    path = store.folder / cell.path / "history.jsonl"
    try:
        history = store.read_history(cell)
    except (MalformedHistory, UnicodeDecodeError, RecursionError) as error:
        raise BadRun(f"{path}: {error}") from None
    for number, op in enumerate(history.ops, 2):
        if not isinstance(op.value, Mapping):
            raise BadRun(f"{path}: line {number}: value is {op.value!r}, which is no object")
    header = history.header
    if (header.scenario, header.client, header.world, header.seed) != (
        cell.scenario,
        cell.client,
        cell.world,
        cell.seed,
    ):
        raise BadRun(f"{path}: its header names another cell than its folder does")
    return history
