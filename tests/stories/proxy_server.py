"""The Toxiproxy that cases are played through: ours, one that runs, or a binary of the real one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy, ToxiproxyError, Unreachable

START_WITHIN_S = 10.0
END_WITHIN_S = 5.0


class BadProxy(ValueError):
    """Neither `embedded` nor an address nor a program."""


@contextmanager
def proxy_server(said: str) -> Iterator[Toxiproxy]:
    """The server that `embedded`, `HOST:PORT` or a path names; one that is started here ends here.

    Raises `BadProxy`, and `ToxiproxyError` if it does not answer.
    """
    if said == "embedded":
        with EmbeddedToxiproxy() as child:
            yield Toxiproxy(child.host, child.port)
        return
    host, colon, port = said.rpartition(":")
    if colon and host and port.isascii() and port.isdigit():
        toxiproxy = Toxiproxy(host.strip("[]"), int(port))
        toxiproxy.version()
        yield toxiproxy
        return
    program = shutil.which(said)
    if program is None:
        raise BadProxy(
            f"--toxiproxy {said!r} is no server; write embedded, an address as 127.0.0.1:8474, "
            "or the path of a toxiproxy-server"
        )
    with _running(program) as toxiproxy:
        yield toxiproxy


@contextmanager
def _running(program: str) -> Iterator[Toxiproxy]:
    port = _free_port()
    child = subprocess.Popen(
        [program, "-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        toxiproxy = Toxiproxy("127.0.0.1", port)
        _wait_until_it_answers(toxiproxy, child)
        yield toxiproxy
    finally:
        child.terminate()
        try:
            child.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_it_answers(toxiproxy: Toxiproxy, child: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + START_WITHIN_S
    while True:
        try:
            toxiproxy.version()
            return
        except ToxiproxyError:
            if child.poll() is not None or time.monotonic() > until_s:
                command = os.fspath(child.args[0])  # type: ignore[index, arg-type]
                raise Unreachable(f"{command} does not answer as a Toxiproxy") from None
            time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
