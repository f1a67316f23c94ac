"""A report for a terminal: plain words, at most `width` columns, replay lines left whole."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from harness.verdict import Outcome
from reports.clean import one_line
from reports.diff import Change, NumberChange, changed
from reports.gate import Decision, Exit, Held, Status
from reports.load import Run
from reports.model import Group, missing
from reports.rejudge import Rejudged
from reports.report import Report
from reports.slis import shown
from reports.table import painted, verdict_table

FINDINGS_MAX = 40
"""A person reads no more; the JSON report holds all of them."""

_EXIT_WORDS = {
    Exit.HOLDS: (Outcome.VALID, "gate holds"),
    Exit.BROKEN: (Outcome.INVALID, "gate fails"),
    Exit.UNKNOWN: (Outcome.UNKNOWN, "gate cannot say"),
}
_STATUS_OUTCOME = {Status.BROKEN: Outcome.INVALID, Status.UNKNOWN: Outcome.UNKNOWN}


def show(report: Report, *, width: int = 100, colour: bool = False) -> str:
    """The runs, the verdict table, and the evidence of all that is not valid."""
    parts = [
        "\n".join(_run_line(run) for run in report.runs),
        verdict_table([row.result for row in report.rows], width=width, colour=colour),
        *findings(report.groups, width=width, colour=colour),
        _tally(report),
    ]
    return "\n\n".join(parts)


def gate(report: Report, *, width: int = 100, colour: bool = False) -> str:
    """The objectives that do not hold, and one last line that says why the gate decided so."""
    decision = report.decision
    failing = [*decision.with_status(Status.BROKEN), *decision.with_status(Status.UNKNOWN)]
    parts = ["\n".join(_held(one, width, colour)) for one in failing[:FINDINGS_MAX]]
    parts += _more(len(failing) - FINDINGS_MAX)
    if left_out := decision.with_status(Status.LEFT_OUT):
        titles = ", ".join(dict.fromkeys(one.title for one in left_out))
        parts.append("\n".join(_wrapped(f"not measured by this run, left out: {titles}", width)))
    return "\n\n".join([*parts, sentence(decision, colour)])


def sentence(decision: Decision, colour: bool = False) -> str:
    """Why the gate decided so, in one line."""
    outcome, words = _EXIT_WORDS[decision.exit]
    return f"{painted(outcome, words, colour)}: {one_line(decision.reason)}"


def diff(changes: Sequence[Change], *, width: int = 100, colour: bool = False) -> str:
    """What changed, verdicts first, and a last line that counts."""
    different = changed(changes)
    parts = ["\n".join(_change(one, width, colour)) for one in different[:FINDINGS_MAX]]
    parts += _more(len(different) - FINDINGS_MAX)
    verdicts = sum(one.before is not one.after for one in different)
    regressions = sum(one.is_regression for one in different)
    parts.append(
        f"{len(different)} of {len(changes)} differ: {verdicts} in their verdict, "
        f"{regressions} from valid to invalid"
    )
    return "\n\n".join(parts)


def rejudged(ones: Sequence[Rejudged], *, width: int = 100, colour: bool = False) -> str:
    """What judging again changed, and a last line that counts."""
    lines: list[str] = []
    changes = 0
    for one in ones:
        title = _title(one.before.cell.scenario, one.before.cell.client, one.before.cell.world)
        title += f" · seed {one.before.cell.seed}"
        if one.after is None:
            lines += _wrapped(f"not judged again: {title}: {one.why_not}", width)
        elif one.after.outcome is not one.before.outcome:
            changes += 1
            new = painted(one.after.outcome, str(one.after.outcome), colour)
            lines.append(f"{one.before.outcome} → {new}  {title}")
            lines += _wrapped(one.after.reason, width, "  ")
    judged = sum(one.after is not None for one in ones)
    lines.append(f"{judged} of {len(ones)} cells judged again, {changes} verdicts changed")
    return "\n".join(lines)


def findings(groups: Iterable[Group], *, width: int = 100, colour: bool = False) -> list[str]:
    """The evidence of all that is neither valid nor inexpressible: worst verdicts first."""
    worth = [one for one in groups if one.outcome in (Outcome.INVALID, Outcome.UNKNOWN)]
    worth.sort(key=lambda one: one.outcome is not Outcome.INVALID)
    shown = ["\n".join(_finding(one, width, colour)) for one in worth[:FINDINGS_MAX]]
    return [*shown, *_more(len(worth) - FINDINGS_MAX)]


def _finding(one: Group, width: int, colour: bool) -> Iterator[str]:
    row = one.deciding[0]
    seeds = f" · {len(one.deciding)} of {len(one.rows)} seeds" if len(one.rows) > 1 else ""
    title = _title(*one.key) + f" · seed {row.result.cell.seed}{seeds}"
    yield f"{painted(one.outcome, str(one.outcome), colour)}  {title}"
    yield from _wrapped(row.reason, width, "  ")
    yield from _replay(row.result.replay)


def _held(one: Held, width: int, colour: bool) -> Iterator[str]:
    word = painted(_STATUS_OUTCOME[one.status], str(one.status), colour)
    yield f"{word}  {one_line(one.title)}: {one.limit}"
    where = ""
    if one.row:
        cell = one.row.result.cell
        where = f"{one_line(cell.world)}, seed {cell.seed}: "
    yield from _wrapped(where + one.reason, width, "  ")
    if one.row:
        yield from _replay(one.row.result.replay)


def _change(one: Change, width: int, colour: bool) -> Iterator[str]:
    before = str(one.before or "not planned")
    after = painted(one.after, str(one.after), colour) if one.after else "not planned"
    verdict = f"{before} → {after}" if one.before is not one.after else f"still {after}"
    yield f"{verdict}  {_title(*one.key)}"
    if one.before is not one.after and one.after:
        yield from _wrapped(one.reason, width, "  ")
    for number in one.numbers:
        yield f"  {_number(number)}"


def _number(one: NumberChange) -> str:
    values = f"{shown(one.before)} → {shown(one.after)}"
    return f"{one_line(one.name)}: {values} {one_line(one.unit)}, {one.direction}"


def _run_line(run: Run) -> str:
    under_test = [f"{one.name} {one.version}" for one in run.info.clients if one.gates]
    compared = [f"{one.name} {one.version}" for one in run.info.clients if not one.gates]
    parts = [f"run {run.folder}", run.info.started_at]
    parts += [f"under test: {', '.join(under_test)}"] if under_test else []
    parts += [f"compared: {', '.join(compared)}"] if compared else []
    parts += [f"behind: Toxiproxy {run.toxiproxy}"] if run.toxiproxy else []
    return " · ".join(map(one_line, parts))


def _tally(report: Report) -> str:
    counts = dict.fromkeys(Outcome, 0)
    for row in report.rows:
        counts[row.result.outcome] += 1
    words = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    absent = missing(report.rows)
    cut = f"; {absent} of {len(report.rows)} cells have no verdict yet" if absent else ""
    return f"{len(report.rows)} cells: {words}{cut}" if report.rows else "0 cells were planned"


def _replay(replay: str) -> Iterator[str]:
    if replay:
        yield f"  replay: {one_line(replay)}"


def _title(*names: str) -> str:
    return " · ".join(map(one_line, names))


def _more(hidden: int) -> list[str]:
    return [f"… and {hidden} more: --json FILE holds all of them"] if hidden > 0 else []


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        one_line(text), max(width, 40), initial_indent=indent, subsequent_indent=indent
    )
