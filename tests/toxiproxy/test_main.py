"""`python -m harness.toxiproxy`: one line when ready, clean ends, one line for a mistake."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "harness.toxiproxy"]
PATIENCE_S = 20.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly_when_told(number: signal.Signals) -> None:
    child = subprocess.Popen(
        [*COMMAND, "--port", "0", "--seed", "7"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    socket.create_connection((ready["host"], ready["port"]), timeout=5).close()
    child.send_signal(number)
    rest, complaints = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, rest, complaints) == (0, b"", b"")
    assert (ready["host"], ready["version"], ready["seed"]) == ("127.0.0.1", "2.12.0", 7)


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE])
def test_it_ends_with_its_standard_input(stdin: int) -> None:
    command = [*COMMAND, "--port", "0", "--until-stdin-closes"]
    child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE)
    child.communicate(timeout=PATIENCE_S)  # closes it
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "99999"], "99999"),
        (["--port", "http"], "http"),
        (["--seed", "soon"], "soon"),
        (["--hots", "127.0.0.1"], "--hots"),
        (["--host", "192.0.2.1", "--port", "0"], "192.0.2.1"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(arguments: list[str], named: str) -> None:
    ended = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (ended.returncode, ended.stdout) == (3, "")
    assert len(ended.stderr.splitlines()) == 1
    assert named in ended.stderr


def test_a_busy_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [*COMMAND, "--port", port],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert ended.returncode == 3
    assert len(ended.stderr.splitlines()) == 1
    assert port in ended.stderr
    assert "in use" in ended.stderr
