"""The command: plays recorded cases again, several at once, and says which tell the same story."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from fake_server import ServerConfig
from fake_server.tenant import changed
from harness.redact import redact
from harness.toxics import make_toxic
from harness.toxiproxy import ToxiproxyError
from tests.stories.child import NODE, PACKAGES
from tests.stories.play_all import Case, PlayAll, Result, Verdict
from tests.stories.proxy_server import BadProxy, proxy_server
from tests.stories.script import SCRIPTS, BadScript, Script, Step, read_scripts
from tests.stories.transcript import BadRecording, read
from tests.usage import USAGE, Parser

"""The exit code of a command that makes no sense, or lacks what it needs."""
JOBS = 46
JAVASCRIPT = (
    PACKAGES / "node_modules" / "@supabase" / "realtime-js",
    PACKAGES / "node_modules" / "ws",
)
"""What has to be installed."""
INSTALL_WITHIN_S = 300.0
_WIDTH = 2000


class Unable(RuntimeError):
    """Something that the command needs is missing: says what, and the mend."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 if all are the same, 1 if some are not, 2 if some
    cannot be told, 3 for its misuse."""
    options = _parser().parse_args(arguments)
    try:
        cases = read_cases(options.directory, options.case)
        if any(needs_javascript(case.script) for case in cases):
            install_javascript()
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        with proxy_server(options.toxiproxy) as toxiproxy:
            playing = PlayAll(toxiproxy, options.jobs, _say, options.keep)
            results = asyncio.run(playing.play(cases))
    except (BadScript, BadRecording, BadProxy, Unable, ToxiproxyError, OSError) as error:
        print(f"python -m tests.stories: {redact(str(error), _WIDTH)}", file=sys.stderr)
        return USAGE
    for line in conclusion(results):
        _say(line)
    return exit_code(results)


def read_cases(directory: Path, only: Sequence[str] = ()) -> list[Case]:
    """The cases of a directory by name; `only` are patterns of names, none for all.

    Raises `BadScript`, `BadRecording`, also when there are none.
    """
    path = directory / SCRIPTS
    scripts = {
        name: script
        for name, script in read_scripts(path).items()
        if not only or any(fnmatch(name, pattern) for pattern in only)
    }
    if not scripts:
        raise BadScript(f"{path} has no case called {' or '.join(only)}")
    for script in scripts.values():
        check_values(path, script)
    return [Case(script, read(directory / f"{name}.jsonl")) for name, script in scripts.items()]


def check_values(path: Path, script: Script) -> None:
    """Whether tenant and toxics can be as the steps say. Raises `BadScript`."""
    for step in (*script.before, *script.steps):
        try:
            _check_value(step)
        except ValueError as error:
            where = f"{path}: {script.name}: step at {step.at_s:g} s ({step.on} {step.do})"
            raise BadScript(f"{where}: {error}") from None


def _check_value(step: Step) -> None:
    if step.do == "tenant_set":
        changed(ServerConfig(), step.what)
    elif step.do == "add_toxic":
        make_toxic(step["type"], step["attributes"])


def needs_javascript(script: Script) -> bool:
    """Whether the JavaScript client has a part: its own cases, and those of the whole server."""
    steps = (*script.before, *script.steps)
    return script.client == "js" or any(step.on == "server" for step in steps)


def install_javascript() -> None:
    """Install the JavaScript client where it is not. Raises `Unable`."""
    if all(path.exists() for path in (NODE, *JAVASCRIPT)):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise Unable("the JavaScript client is not installed, and there is no npm to install it")
    _say("installing the JavaScript client …")
    command = [npm, "ci", "--prefix", str(PACKAGES), "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise Unable(f"npm ci took more than {INSTALL_WITHIN_S:g} s; try `make node`") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Unable(f"npm ci failed ({last}); try `make node`")


def conclusion(results: Sequence[Result]) -> list[str]:
    """How many were the same, and each difference in words."""
    lines: list[str] = []
    for result in results:
        if result.verdict is not Verdict.SAME:
            reason = f": {result.reason}" if result.reason else ""
            lines += ["", f"{result.name}: {result.verdict.value}{reason}"]
            lines += [f"  {redact(str(each), _WIDTH)}" for each in result.differences]
    same = sum(result.verdict is Verdict.SAME for result in results)
    unknown = sum(result.verdict is Verdict.UNKNOWN for result in results)
    told = f"{same} of {len(results)} the same story"
    return [*lines, "", f"{told}, {unknown} unknown" if unknown else told]


def exit_code(results: Sequence[Result]) -> int:
    """0 only if all are the same."""
    verdicts = {result.verdict for result in results}
    if Verdict.DIFFERENT in verdicts:
        return 1
    return 2 if Verdict.UNKNOWN in verdicts else 0


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m tests.stories",
        description="Play cases that were recorded with the official clients, the real server and "
        "the real Toxiproxy again, with our server and our proxy, in real time, and tell every "
        "difference of the stories.",
        epilog="Exit code: 0 if all are the same, 1 if some are not, 2 if some cannot be told "
        "because something stood still, 3 for a command that makes no sense.",
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="scripts.json and recordings")
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="GLOB",
        help="the names of cases to play, as py.disabled_5s or 'js.*'; may be given again",
    )
    parser.add_argument(
        "--jobs", type=_jobs, default=JOBS, metavar="N", help="cases at once (default: %(default)s)"
    )
    parser.add_argument(
        "--toxiproxy",
        default="embedded",
        metavar="embedded|HOST:PORT|PATH",
        help="ours (default), one that runs, or the program of a real one",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="write what was seen, in the form of the recordings",
    )
    return parser


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 200):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cases; 1 to 200")
    return int(text)
