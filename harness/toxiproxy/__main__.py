"""`python -m harness.toxiproxy`: the embedded server as a process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable

from harness.entropy import BadSeed, parse_seed
from harness.toxiproxy.api import VERSION
from harness.toxiproxy.server import ToxiproxyServer

EXIT_USAGE = 3


def main() -> int:
    """Serve until told to end. Exit codes: 0 ended on request, 3 cannot be started so."""
    args = _parse()
    try:
        seed = parse_seed(args.seed) if args.seed else secrets.randbits(64)
        return asyncio.run(_serve(args.host, args.port, seed, args.until_stdin_closes))
    except BadSeed as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(
            f"cannot listen on {args.host}:{args.port}: {error.strerror}; "
            "say --port 0 for any free port"
        )


async def _serve(host: str, port: int, seed: int, until_stdin_closes: bool) -> int:
    server = ToxiproxyServer(host, port, seed=seed)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await server.start()
    if until_stdin_closes:
        _call_at_eof(lambda: loop.call_soon_threadsafe(ended.set))
    ready = {"host": server.host, "port": server.port, "version": VERSION, "seed": seed}
    print(json.dumps(ready), flush=True)
    await ended.wait()
    server.stop()
    return 0


def _call_at_eof(callback: Callable[[], object]) -> None:
    """Watch standard input, held open by a parent: its end is the parent's, however that came.

    A thread, since a loop cannot watch every kind of file; `os.read`, since a buffered reader
    would hold its lock while the interpreter ends.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        # The loop may have ended first.
        with contextlib.suppress(RuntimeError):
            callback()

    threading.Thread(target=watch, name="until-stdin-closes", daemon=True).start()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        sys.exit(_complain(message))


def _parse() -> argparse.Namespace:
    parser = _Parser(
        prog="python -m harness.toxiproxy",
        description="A Toxiproxy-compatible server. Prints one line of JSON when it is ready.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address of the API")
    parser.add_argument("--port", type=_port, default=8474, help="port of the API; 0: any free one")
    parser.add_argument("--seed", help="fixes every draw of the toxics: a number or a commit hash")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when standard input does"
    )
    return parser.parse_args()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; say a number from 0 to 65535")
    return int(text)


def _complain(message: str) -> int:
    print(f"toxiproxy: {message}", file=sys.stderr)
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
