"""The program of a real Toxiproxy: whether it is one, and running it as a child."""

from __future__ import annotations

import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from harness.toxiproxy import guard
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_errors import ToxiproxyError, Unreachable

ASK_TIMEOUT_S = 5.0
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.02
PORTS_TRIED_MAX = 3
"""It cannot choose a port by itself, and between our choice and its bind another may take it."""

_GO_MODULE = re.compile(rb"mod\tgithub\.com/Shopify/toxiproxy/v2\tv([\w.+-]{1,40})")


class NotAToxiproxy(ValueError):
    """A file that is no program, or a program that does not say it is a Toxiproxy."""


def check_binary(path: Path) -> Path:
    """The absolute path, if the program there says it is a Toxiproxy. Raises `NotAToxiproxy`."""
    if not path.is_file():
        raise NotAToxiproxy(f"{path}: there is no such file")
    if not os.access(path, os.X_OK):
        raise NotAToxiproxy(f"{path}: may not be executed")
    path = path.absolute()
    said = _ask([str(path), "-version"])
    if "toxiproxy" not in said.lower():
        words = " ".join(said.split())[:80] or "nothing"
        raise NotAToxiproxy(f"{path}: says {words!r} to -version, which is no Toxiproxy's answer")
    return path


def built_from(path: Path) -> str | None:
    """The release that Go says a program was built from, for one that itself says only `git`.

    `go install …@v2.12.0` makes such a program: its version is a setting of the linker.
    """
    with (
        suppress(OSError, ValueError),  # It may be run and not read, or be empty.
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program,
    ):
        found = _GO_MODULE.search(program)
        return found[1].decode() if found else None
    return None


class RealToxiproxy:
    """A context manager: inside, a real Toxiproxy of its own listens on loopback at `host:port`.

    It ends with this process, also if this is killed. Ctrl-C does not reach it, so that the parent
    can still heal through it.
    """

    def __init__(self, path: Path) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self._path = path
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RealToxiproxy:
        """Start it and wait until it answers. Raises `Unreachable`."""
        said = ""
        for _ in range(PORTS_TRIED_MAX):
            with TemporaryFile() as log:
                if self._start(log):
                    return self
                log.seek(0)
                said = log.read().decode(errors="replace").strip()
        last = said.splitlines()[-1] if said else "it said nothing"
        raise Unreachable(f"the Toxiproxy at {self._path} did not start: {last}")

    def __exit__(self, *_: object) -> None:
        self.stop()

    def runs(self) -> bool:
        """Whether the program is there."""
        return self._guard is not None and self._guard.poll() is None

    def stop(self) -> None:
        """End it; harmless if it has ended."""
        child, self._guard = self._guard, None
        if child is None:
            return
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _start(self, log: IO[bytes]) -> bool:
        self.port = _free_port()
        program = [str(self._path), "-host", self.host, "-port", str(self.port)]
        # By its path and isolated: it is to start at once, and needs nothing of ours.
        command = [sys.executable, "-I", "-S", guard.__file__, *program]
        self._guard = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
        try:
            answers = self._wait(self._guard)
        except BaseException:
            self.stop()
            raise
        if not answers:
            self.stop()
        return answers

    def _wait(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether it answers in time and still runs: another could be answering in its place."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        client = Toxiproxy(self.host, self.port, timeout_s=ASK_TIMEOUT_S)
        while child.poll() is None and time.monotonic() < deadline_s:
            try:
                client.version()
            except ToxiproxyError:
                time.sleep(LOOK_EVERY_S)
                continue
            return child.poll() is None
        return False


def _ask(command: list[str]) -> str:
    """What a program prints. It may be anybody's, so it and what it starts end within a bound."""
    with TemporaryFile() as out:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise NotAToxiproxy(f"{command[0]}: cannot be run ({error.strerror})") from None
        try:
            child.wait(ASK_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        out.seek(0)
        return out.read(65536).decode(errors="replace")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port
