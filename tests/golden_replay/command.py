"""The command: replays a directory of recorded cases, and says how many came out equal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness import sim
from tests.golden_replay.compare import Difference, compare
from tests.golden_replay.player import Player
from tests.golden_replay.target import FakeTarget, Target, Unable, UrlTarget
from tests.golden_replay.transcript import BadTranscript, Case
from tests.usage import USAGE, Parser

"""The exit code of a command that makes no sense."""
IMPOSSIBLE = {
    "postgres_restart.v1": "restarts PostgreSQL itself, which a fake server does not have",
}
"""The cases that no fake can play, and why: counted apart, at most four."""
_LOOPBACK = sim.Link(latency_s=0.0002, jitter_s=0.0)
"""The network of the recordings."""
_SHOWN_MAX = 10
_WIDTH = 400


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case."""

    case: Case
    differences: list[Difference]


async def replay(case: Case, target: Target) -> Result:
    """Play one case against a target, which is stopped afterwards, and compare."""
    player = Player(case, target)
    try:
        seen = await player.play()
    finally:
        await target.stop()
    return Result(case, player.failures + compare(case, seen))


def replay_simulated(case: Case) -> Result:
    """Play one case against a server of ours, in virtual time."""

    async def main(loop: sim.SimLoop) -> Result:
        loop.net.up = loop.net.down = _LOOPBACK
        try:
            target = await FakeTarget.start(case)
        except Unable as unable:
            return Result(case, [Difference(1, "", "a server", str(unable))])
        return await replay(case, target)

    return sim.run(main, seed=1)


def replay_at(url: str) -> Callable[[Case], Result]:
    """Play cases against a server at an address, in real time."""
    return lambda case: asyncio.run(replay(case, UrlTarget(url)))


def told(result: Result) -> list[str]:
    """The differences of a case as lines to read."""
    lines = []
    for difference in result.differences[:_SHOWN_MAX]:
        where = f"{result.case.name}:{difference.line}" if difference.line else result.case.name
        conn = f" conn {difference.conn}" if difference.conn else ""
        expected, got = _around_the_change(difference.expected, difference.got)
        lines += [f"{where}{conn}", f"  expected {expected}", f"  got      {got}"]
    more = len(result.differences) - _SHOWN_MAX
    return [*lines, f"{result.case.name}: and {more} more"] if more > 0 else lines


def _around_the_change(expected: str, got: str) -> tuple[str, str]:
    """Both texts, each in one line; long ones from a little before the first change."""
    pairs = enumerate(zip(expected, got, strict=False))
    changed = next((at for at, (old, new) in pairs if old != new), min(len(expected), len(got)))
    start = max(0, changed - _WIDTH // 2) if max(len(expected), len(got)) > _WIDTH else 0
    return _cut(expected, start), _cut(got, start)


def _cut(text: str, start: int) -> str:
    part = text[start : start + _WIDTH].replace("\n", " | ")
    end = start + _WIDTH
    return f"{'…' if start else ''}{part}{f'… ({len(text)} characters)' if len(text) > end else ''}"


def read_cases(directory: Path, only: str) -> list[Case]:
    """The cases of a directory, by name. Raises `BadTranscript`, also when there are none."""
    paths = sorted(directory.glob("*.jsonl"))
    cases = [Case.read(path) for path in paths if fnmatch(path.name.removesuffix(".jsonl"), only)]
    if not cases:
        raise BadTranscript(f"{directory} holds no recorded case (*.jsonl) called {only!r}")
    return cases


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 if all are equal, 1 if not, 3 for its misuse."""
    options = _parser().parse_args(arguments)
    try:
        cases = read_cases(options.directory, options.only)
        if options.url is not None:
            UrlTarget(options.url)
    except ValueError as error:
        print(f"python -m tests.golden: {error}", file=sys.stderr)
        return USAGE
    play = replay_simulated if options.url is None else replay_at(options.url)
    different = 0
    for case in cases:
        result = play(case)
        impossible = case.name in IMPOSSIBLE
        different += bool(result.differences) and not impossible
        if not impossible:
            print(*told(result), sep="\n", end="\n" if result.differences else "", flush=True)
    apart = [case.name for case in cases if case.name in IMPOSSIBLE]
    possible = len(cases) - len(apart)
    print(f"{possible - different} of {possible} equal")
    for name in apart:
        print(f"{name} is not counted: it {IMPOSSIBLE[name]}")
    return 1 if different else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m tests.golden",
        description="Replay recorded cases of the real server and tell every difference.",
        epilog="Exit code: 0 if all are equal, 1 if not, 3 for a command that makes no sense.",
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the recordings lie")
    parser.add_argument(
        "--url",
        help="a running server, in real time (default: ours, started for each case, in virtual "
        "time)",
    )
    parser.add_argument("--only", default="*", metavar="GLOB", help="the names of cases to play")
    return parser
