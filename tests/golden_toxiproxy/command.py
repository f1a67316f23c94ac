"""The command: replays a directory of records, and says how many were answered equally."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harness.toxiproxy import EmbeddedToxiproxy, Unreachable
from tests.golden_toxiproxy.compare import Difference
from tests.golden_toxiproxy.http import NoAnswer
from tests.golden_toxiproxy.records import RECORDED, BadRecord, Record, read_files
from tests.golden_toxiproxy.replay import NotEmpty, Replay
from tests.usage import USAGE, Parser

"""The exit code of a command that makes no sense, or of a server that cannot be asked."""


class BadServer(ValueError):
    """Neither `embedded` nor an address."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 if all are equal, 1 if not, 3 for its misuse."""
    options = _parser().parse_args(arguments)
    try:
        files = read_files(options.directory)
        with ExitStack() as stack:
            replay = Replay(*_address(options.server, stack))
            different = sum(_replay(replay, records) for records in files)
    except (BadRecord, BadServer, NoAnswer, NotEmpty, Unreachable) as error:
        print(f"python -m tests.golden_toxiproxy: {error}", file=sys.stderr)
        return USAGE
    count = sum(map(len, files))
    print(f"{count - different} of {count} equal")
    return 1 if different else 0


def _replay(replay: Replay, records: list[Record]) -> int:
    """Replay one file, tell its differences, and count the records that have any."""
    different = 0
    for record, differences in replay.file(records):
        different += bool(differences)
        for difference in differences:
            print(told(record, difference), flush=True)
    return different


def told(record: Record, difference: Difference) -> str:
    """A difference as lines to read."""
    expected, got = difference.expected.rstrip("\n"), difference.got.rstrip("\n")
    return f"{record.name}: {difference.what}\n  expected {expected}\n  got      {got}"


def _address(server: str, stack: ExitStack) -> tuple[str, int]:
    """Where to ask; for `embedded` a server is started, and ends with the stack."""
    if server == "embedded":
        child = stack.enter_context(EmbeddedToxiproxy())
        return child.host, child.port
    host, colon, port = server.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit()):
        raise BadServer(f"{server!r} is no server; write embedded, or say 127.0.0.1:8474")
    return host.strip("[]"), int(port)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m tests.golden_toxiproxy",
        description="Ask a server what a real Toxiproxy 2.12.0 was asked, and tell each "
        "difference. Its proxies are deleted first.",
        epilog="Exit code: 0 if all are equal, 1 if not, 3 for a command that makes no sense. "
        "A Toxiproxy built with `go install` differs in six: it says that its version is `git`, "
        "and a newer Go words one JSON error with `.Proxy.name` for `.name`.",
    )
    parser.add_argument("server", metavar="HOST:PORT|embedded", help="whom to ask")
    parser.add_argument(
        "directory",
        type=Path,
        nargs="?",
        default=RECORDED,
        metavar="DIR",
        help="where the records lie (default: tests/golden/toxiproxy)",
    )
    return parser
