"""`python -m reports`: shows, compares, gates and judges again what runs recorded."""

from __future__ import annotations

import io
import os
import shutil
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from harness.checkers import CHECKERS
from harness.store import BadRun, find_runs
from reports import rejudge, render_json, render_junit, render_markdown, render_text
from reports.clean import one_line
from reports.command_line import parse
from reports.gate import Exit
from reports.load import Run, load, rows_of
from reports.report import Report, report
from reports.slis import INDICATORS
from reports.slo import BadSlo, Slo, check_names, read_slo

_WIDTH_MIN, _WIDTH_MAX = 80, 120

Command = Callable[[Namespace], tuple[str, Exit]]
"""Does what was asked; what to print and the exit code."""


class Unwritable(ValueError):
    """A file that could not be written: names it and says why."""


class _Looks(TypedDict):
    width: int
    colour: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Raises `SystemExit` for --help and a wrong command line."""
    args = parse(argv)
    try:
        text, code = _COMMANDS[args.command](args)
        _print(text)
    except (BadRun, BadSlo, Unwritable) as error:
        print(f"reports: {one_line(str(error))}", file=sys.stderr)
        return Exit.USAGE
    except Exception as error:
        # Python would exit with 1, which means that an objective is broken.
        traceback.print_exc()
        print(f"reports: internal error: {one_line(repr(error))}", file=sys.stderr)
        return Exit.USAGE
    return code


def _show(args: Namespace) -> tuple[str, Exit]:
    return render_text.show(_report(args), **_looks()), Exit.HOLDS


def _gate(args: Namespace) -> tuple[str, Exit]:
    judged = _report(args)
    return render_text.gate(judged, **_looks()), judged.decision.exit


def _diff(args: Namespace) -> tuple[str, Exit]:
    return render_text.diff(_report(args).changes or (), **_looks()), Exit.HOLDS


def _judge(args: Namespace) -> tuple[str, Exit]:
    judged = [(store, rejudge.rejudge(store)) for store in find_runs(args.runs)]
    for store, ones in judged:
        rejudge.write(store, ones)
    return render_text.rejudged([one for _, ones in judged for one in ones], **_looks()), Exit.HOLDS


_COMMANDS: Mapping[str, Command] = {
    "show": _show,
    "diff": _diff,
    "gate": _gate,
    "judge": _judge,
}


def _report(args: Namespace) -> Report:
    """Read, decide, and write the files that were asked for."""
    runs = load(args.runs)
    baseline = load(args.baseline) if args.baseline else None
    made = report(runs, _slo(args.slo, runs), baseline)
    for path, render in (
        (args.json, render_json.render),
        (args.junit, render_junit.render),
        (args.markdown, render_markdown.render),
    ):
        if path:
            _write(path, render(made))
    return made


def _slo(path: Path, runs: Sequence[Run]) -> Slo:
    slo = read_slo(path)
    rows = rows_of(runs)
    judgements = [row.result.judgement for row in rows if row.result.judgement]
    check_names(
        slo,
        numbers={*INDICATORS, *(name for one in judgements for name in one.slis)},
        checkers={*CHECKERS, *(name for one in judgements for name in one.checkers)},
        scenarios={row.result.cell.scenario for row in rows},
    )
    return slo


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from None


def _looks() -> _Looks:
    """How wide the output may be, and whether in colour: only a terminal gets either."""
    if not sys.stdout.isatty():
        return {"width": 100, "colour": False}
    columns = shutil.get_terminal_size().columns
    width = max(_WIDTH_MIN, min(columns, _WIDTH_MAX))
    return {"width": width, "colour": "NO_COLOR" not in os.environ}


def _print(text: str) -> None:
    """Print, whatever the terminal can show, and even if the reader (`head`) has gone."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
