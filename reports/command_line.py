"""The command line of `python -m reports`: what can be said, and one line for what cannot."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from reports.gate import Exit
from reports.slo import DEFAULT

COMMANDS = {
    "show": "print the verdicts and the evidence",
    "diff": "say what changed since a baseline",
    "gate": "decide whether a deploy may go on",
    "judge": "judge recorded histories again, with today's checkers",
}

_EXIT_CODES = """\
exit codes:
  0  gate: all objectives hold; otherwise: done
  1  gate: an objective is broken (outranks 2)
  2  gate: evidence is missing or unknown, or nothing gates
  3  usage or internal error
"""


class _Parser(argparse.ArgumentParser):
    """Says one line about a wrong command line, and exits with the code for it."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Raises `SystemExit`: 3 for a wrong one, 0 for --help."""
    parser = _Parser(
        prog="python -m reports",
        description="Show, compare, gate and judge again what pytest scenarios --report recorded.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, about in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=_EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_argument(
            "runs",
            nargs="+",
            type=Path,
            metavar="RUNS",
            help="run folders, or folders of run folders",
        )
        if name != "judge":
            _add_options(command, baseline_required=name == "diff")
    return parser.parse_args(argv)


def _add_options(parser: argparse.ArgumentParser, *, baseline_required: bool) -> None:
    parser.add_argument(
        "--slo",
        type=Path,
        default=DEFAULT,
        metavar="FILE",
        help="objectives (default: %(default)s)",
    )
    parser.add_argument(
        "--baseline",
        nargs="+",
        type=Path,
        required=baseline_required,
        metavar="RUNS",
        help="earlier runs to compare with; gate fails when a verdict went from valid to invalid",
    )
    for name, what in (
        ("json", "JSON, by reports/schema/report-1.json"),
        ("junit", "JUnit XML, one test case for each objective"),
        ("markdown", "Markdown, for a job summary"),
    ):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {what}")
