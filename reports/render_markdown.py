"""A report for a job summary: the verdict first, then tables, then what failed, folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.verdict import Outcome
from reports.clean import one_line
from reports.diff import Change, NumberChange, changed
from reports.gate import Exit, Held, Status
from reports.load import Run
from reports.model import Group
from reports.report import Report
from reports.slis import shown
from reports.table import recovery, verdict_words

BYTES_MAX = 60_000
"""So much fits a comment on a pull request (65,536 characters); GitHub drops a job summary over
1 MiB whole."""

_CUT = "\n**Cut here**: {left} more lines did not fit; the JSON report holds all of it.\n"
_CUT_ROOM = 200

_HEADLINES = {
    Exit.HOLDS: "✅ Squall: the gate holds",
    Exit.BROKEN: "❌ Squall: the gate fails",
    Exit.UNKNOWN: "⚠️ Squall: the gate cannot say",
}
_MARKS = {
    Outcome.VALID: "✅",
    Outcome.INVALID: "❌",
    Outcome.UNKNOWN: "⚠️",
    Outcome.NOT_APPLICABLE: "–",
}
_STATUS_MARKS = {Status.HOLDS: "✅", Status.BROKEN: "❌", Status.UNKNOWN: "⚠️", Status.LEFT_OUT: "–"}
_ORDER = (Status.BROKEN, Status.UNKNOWN, Status.HOLDS, Status.LEFT_OUT)

# What could begin markup, a link, an entity or a new table cell, once inside a line.
_ACTIVE = re.compile(r"[^\w ,;%=+/.-]|_|(?i:(?<=www))\.")


def render(report: Report) -> str:
    """The document, at most `BYTES_MAX` bytes of UTF-8; what did not fit is counted."""
    decision = report.decision
    lines = [f"## {_HEADLINES[decision.exit]}", "", _code(decision.reason), ""]
    lines += _matrix(report.groups)
    lines += _objectives(decision.objectives)
    lines += _changes(report.changes or ())
    lines += _details(report.groups)
    lines += _behind(report.runs)
    return _within(lines)


def literal(text: str) -> str:
    """The text as Markdown and HTML that shows it and does nothing else, in one line.

    CommonMark lets no numeric character reference act as markup (§2.5), so every active character
    becomes one.
    """
    return _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", one_line(text))


def _code(text: str) -> str:
    # Within <code>, GitHub turns neither @names nor #numbers into notifications and links.
    return f"<code>{literal(text)}</code>"


def _matrix(groups: Iterable[Group]) -> Iterator[str]:
    by_key = {one.key: one for one in groups}
    clients = list(dict.fromkeys(client for _, client, _ in by_key))
    if not clients:
        return
    yield _row("scenario", "world", *map(_code, clients))
    yield _row(*["---"] * (2 + len(clients)))
    for scenario, world in dict.fromkeys((scenario, world) for scenario, _, world in by_key):
        cells = [_cell(by_key.get((scenario, client, world))) for client in clients]
        yield _row(_code(scenario), _code(world), *cells)
    yield ""


def _cell(one: Group | None) -> str:
    if one is None:
        return ""
    return f"{_MARKS[one.outcome]} {literal(f'{verdict_words(one)} {recovery(one)}')}"


def _objectives(objectives: Iterable[Held]) -> Iterator[str]:
    ordered = sorted(objectives, key=lambda one: _ORDER.index(one.status))
    if not ordered:
        return
    yield _row("objective", "client", "wanted", "measured", "")
    yield _row(*["---"] * 5)
    for one in ordered:
        measured = "" if one.measured is None else literal(f"{shown(one.measured)} {one.unit}")
        yield _row(
            _code(f"{one.scenario}/{one.name}"),
            _code(one.client),
            literal(one.limit),
            measured,
            f"{_STATUS_MARKS[one.status]} {one.status}",
        )
    yield ""


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    different = changed(list(changes))
    if not different:
        return
    yield _row("since the baseline", "before", "after", "numbers")
    yield _row(*["---"] * 4)
    for one in different:
        numbers = "<br>".join(map(_number, one.numbers))
        before, after = (str(outcome or "not planned") for outcome in (one.before, one.after))
        yield _row(_code(" / ".join(one.key)), before, after, numbers)
    yield ""


def _number(one: NumberChange) -> str:
    values = f"{shown(one.before)} → {shown(one.after)}"
    return literal(f"{one.name}: {values} {one.unit}, {one.direction}")


def _details(groups: Iterable[Group]) -> Iterator[str]:
    """One line for each finding, so that a cut never leaves a tag open."""
    worth = [one for one in groups if one.outcome in (Outcome.INVALID, Outcome.UNKNOWN)]
    for one in sorted(worth, key=lambda one: one.outcome is not Outcome.INVALID):
        row = one.deciding[0]
        replay = row.result.replay
        yield (
            f"<details><summary>{_MARKS[one.outcome]} {_code(' / '.join(one.key))}</summary>"
            f"<p>{_code(row.reason)}</p>"
            + (f"<p>replay: {_code(replay)}</p>" if replay else "")
            + "</details>"
        )


def _behind(runs: Iterable[Run]) -> Iterator[str]:
    for run in runs:
        if run.toxiproxy:
            yield f"\n{_code(run.folder)}: behind Toxiproxy {_code(run.toxiproxy)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _within(lines: list[str]) -> str:
    """As many whole lines as fit, and how many did not."""
    room = BYTES_MAX - _CUT_ROOM
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join([*lines[:number], _CUT.format(left=len(lines) - number)])
    return "\n".join(lines) + "\n"
