"""Facts about the fake server's process: it is ready when it says so, and never outlives us."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from loadtests import server as module
from loadtests.server import ServerFailed, ServerProcess


def is_listening(url: str) -> bool:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def test_it_listens_while_it_runs_and_no_longer() -> None:
    server = ServerProcess()
    assert is_listening(server.target.url)
    assert not server.ended
    server.stop()
    assert server.ended
    assert not is_listening(server.target.url)


def test_a_server_that_does_not_start_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND", (sys.executable, "-c", "print('not JSON')"))
    with pytest.raises(ServerFailed, match="was not ready"):
        ServerProcess()


def test_it_ends_with_a_parent_that_is_killed() -> None:
    """A load test that is killed must not leave servers behind on a shared machine."""
    parent = subprocess.Popen(
        (
            sys.executable,
            "-c",
            "from loadtests.server import ServerProcess; import time\n"
            "server = ServerProcess(); print(server.target.url, flush=True); time.sleep(60)",
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert is_listening(url)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline_s = time.monotonic() + 10
    while is_listening(url) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert not is_listening(url), "the server has outlived its parent by 10 s"
