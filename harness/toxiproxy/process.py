"""The embedded server as a child process that never outlives its parent."""

from __future__ import annotations

import json
import subprocess
import sys
from tempfile import TemporaryFile
from threading import Timer
from typing import IO, Any

from harness.toxiproxy.client_errors import Unreachable

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0


class EmbeddedToxiproxy:
    """A context manager: inside, a server of its own listens on loopback at `host:port`.

    The child ends when its standard input does, which this process holds: also if it is killed.
    Ctrl-C does not reach the child, so that the parent can still heal through it.
    """

    def __init__(
        self, *, seed: int | None = None, start_timeout_s: float = START_TIMEOUT_S
    ) -> None:
        self.host = ""
        self.port = 0
        self.pid = 0
        self._seed = seed
        self._start_timeout_s = start_timeout_s
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmbeddedToxiproxy:
        """Start it and wait until it listens. Raises `Unreachable`."""
        with TemporaryFile() as complaints:
            self._child = self._spawn(complaints)
            ready = self._read_ready(self._child)
            if ready is None:
                self.stop()
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip() or "it said nothing"
                raise Unreachable(
                    f"the embedded Toxiproxy did not start within {self._start_timeout_s:g} s: "
                    f"{said.splitlines()[-1]}"
                )
        self.host, self.port, self.pid = ready["host"], ready["port"], self._child.pid
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def runs(self) -> bool:
        """Whether the child is there."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End the child; harmless if it has ended."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()

    def _spawn(self, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "harness.toxiproxy", "--port", "0"]
        command += ["--until-stdin-closes"]
        command += [] if self._seed is None else ["--seed", str(self._seed)]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )

    def _read_ready(self, child: subprocess.Popen[bytes]) -> Any:
        """The line that says where it listens, or `None` if it ended or took too long."""
        assert child.stdout is not None
        limit = Timer(self._start_timeout_s, child.kill)
        limit.start()
        try:
            line = child.stdout.readline()
        finally:
            limit.cancel()
        return json.loads(line) if line else None
