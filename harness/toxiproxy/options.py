"""The command line: the original's flags in any of Go's spellings, the same as long options."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from harness.entropy import SEED_MASK, BadSeed, parse_seed
from harness.toxiproxy.metrics import Metrics

EXIT_USAGE = 3

# One dash before a long name; `-h` and numbers stay as they are.
_GO_FLAG = re.compile(r"^-(?=[a-z][a-z-])")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    host: str
    port: int
    config: Path | None
    seed: int | None
    """`None`: any."""
    metrics: Metrics
    version: bool
    until_stdin_closes: bool


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read a command line; a mistake is one line on standard error, and exit code 3."""
    given = sys.argv[1:] if arguments is None else arguments
    args = _parser().parse_args([_GO_FLAG.sub("--", each) for each in given])
    return Options(
        host=args.host,
        port=args.port,
        config=Path(args.config) if args.config else None,
        seed=args.seed,
        metrics=Metrics(proxy=args.proxy_metrics, runtime=args.runtime_metrics),
        version=args.version,
        until_stdin_closes=args.until_stdin_closes,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"toxiproxy: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m harness.toxiproxy",
        description="A Toxiproxy-compatible server. Prints one line of JSON when it is ready.",
        epilog="Each option may be written with one dash too, as in Toxiproxy: -port 8474.",
        allow_abbrev=False,
    )

    def add(name: str, **settings: object) -> None:
        parser.add_argument(f"--{name}", **settings)  # type: ignore[arg-type]

    add("host", default="127.0.0.1", help="address of the API (default: %(default)s)")
    add("port", type=_port, default=8474, help="port of the API; 0: any free one (default: 8474)")
    add("config", metavar="FILE", help="JSON array of proxies to create at the start")
    add("seed", type=_seed, help="fixes every draw of the toxics: a number or a commit hash")
    flag = {"type": _bool, "nargs": "?", "const": True, "default": False, "metavar": "BOOL"}
    add("proxy-metrics", **flag, help="serve the traffic of the proxies at /metrics")
    add("runtime-metrics", **flag, help="serve figures of this process at /metrics")
    add("version", **flag, help="print the version and end")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when standard input does"
    )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; say a number from 0 to 65535")
    return int(text)


def _seed(text: str) -> int | None:
    """Also negative: the original takes any 64-bit number. Empty: any."""
    try:
        if re.fullmatch(r"-\d{1,19}", text):
            return int(text) & SEED_MASK
        return parse_seed(text) if text else None
    except BadSeed as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _bool(text: str) -> bool:
    if text not in _TRUE + _FALSE:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false; say one of them")
    return text in _TRUE
