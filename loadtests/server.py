"""The fake server as a child process, for a load test that was given no host."""

from __future__ import annotations

import json
import subprocess
import sys
from threading import Timer

from loadtests.target import Target

READY_WITHIN_S = 20.0
END_WITHIN_S = 5.0
_OPTIONS = ("--port", "0", "--plan", "enterprise", "--until-stdin-closes")
_COMMAND = (sys.executable, "-m", "fake_server", *_OPTIONS)


class ServerFailed(RuntimeError):
    """The fake server did not start."""


class ServerProcess:
    """A running fake server on a free port of this machine.

    It ends when its standard input does, so it never outlives the load test, however that ends. It
    has a session of its own: a Ctrl-C is for the load test, which still wants its last messages.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.target = self._read_target()

    @property
    def ended(self) -> bool:
        """Whether it is gone, though nobody stopped it."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it, by force if it takes too long."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read_target(self) -> Target:
        assert self._process.stdout
        deadline = Timer(READY_WITHIN_S, self._process.kill)
        deadline.start()
        line = self._process.stdout.readline()
        deadline.cancel()
        try:
            ready = json.loads(line)
            return Target(ready["url"], ready["apikey"])
        except (ValueError, KeyError, TypeError):
            self.stop()
            raise ServerFailed(
                f"the fake server was not ready within {READY_WITHIN_S:g} s "
                f"(exit code {self._process.returncode}); what it said is above"
            ) from None
