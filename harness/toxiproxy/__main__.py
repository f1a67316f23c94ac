"""`python -m harness.toxiproxy`: the embedded server as a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from harness.toxiproxy.address import BadAddress
from harness.toxiproxy.api import VERSION
from harness.toxiproxy.errors import ApiError
from harness.toxiproxy.options import EXIT_USAGE, Options, read_options
from harness.toxiproxy.server import ToxiproxyServer

CONFIG_BYTES_MAX = 16 << 20


def main() -> int:
    """Serve until told to end. Exit codes: 0 ended on request, 3 cannot be started so."""
    options = read_options()
    if options.version:
        print(f"toxiproxy-server version {VERSION}")
        return 0
    seed = secrets.randbits(64) if options.seed is None else options.seed
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(_serve(options, seed))
    except BadAddress as error:
        return _complain(
            f"cannot listen on {options.host}:{options.port}: {error}; "
            "say --port 0 for any free port, --host 127.0.0.1 for this machine alone"
        )


def _loop() -> asyncio.AbstractEventLoop:
    """The fast one, where it is to be had."""
    if sys.platform != "linux":
        return asyncio.new_event_loop()
    from harness.toxiproxy.fast_loop import FastLoop

    return FastLoop()


async def _serve(options: Options, seed: int) -> int:
    server = ToxiproxyServer(options.host, options.port, seed=seed, metrics=options.metrics)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await server.start()
    if options.config:
        await _populate(server, options.config)
    if options.until_stdin_closes:
        _call_at_eof(lambda: loop.call_soon_threadsafe(ended.set))
    ready = {"host": server.host, "port": server.port, "version": VERSION, "seed": seed}
    print(json.dumps(ready), flush=True)
    await ended.wait()
    server.stop()
    return 0


async def _populate(server: ToxiproxyServer, config: Path) -> None:
    """A failure is told and no more, as in the original: proxies that came before it stay."""
    try:
        with config.open("rb") as file:
            text = file.read(CONFIG_BYTES_MAX)
    except OSError as error:
        _complain(f"cannot read the config file {config}: {error.strerror}")
        return
    try:
        await server.populate(text)
    except ApiError as error:
        _complain(f"cannot create the proxies of {config}: {error.text}")


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


def _complain(message: str) -> int:
    print(f"toxiproxy: {message}", file=sys.stderr)
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
