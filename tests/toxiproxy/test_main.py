"""`python -m harness.toxiproxy`: one line when ready, clean ends, one line for a mistake."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

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


@contextmanager
def started(*arguments: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The command, ready, and the port of its API."""
    child = subprocess.Popen(
        [*COMMAND, *arguments, "-port=0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        yield json.loads(child.stdout.readline())["port"], child
    finally:
        child.terminate()
        child.wait(PATIENCE_S)
        for pipe in (child.stdout, child.stderr):
            assert pipe is not None
            pipe.close()


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    told = answer.status, answer.read().decode()
    connection.close()
    return told


@pytest.mark.parametrize("spelled", [["-version"], ["--version"], ["-version=true"]])
def test_it_tells_its_version(spelled: list[str]) -> None:
    ended = subprocess.run([*COMMAND, *spelled], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "toxiproxy-server version 2.12.0\n")


def test_a_config_file_makes_the_proxies(tmp_path: Path) -> None:
    config = tmp_path / "proxies.json"
    config.write_text('[{"name": "a", "upstream": "x:1", "listen": "127.0.0.1:0"}]')
    with started("-config", str(config)) as (port, _):
        status, body = get(port, "/proxies")
    assert (status, list(json.loads(body))) == (200, ["a"])


@pytest.mark.parametrize(
    ("text", "said", "made"),
    [
        (None, "No such file", []),
        ("", "bad request body: EOF", []),
        ("{", "bad request body: unexpected EOF", []),
        ("{}", "bad request body: json: cannot unmarshal object into Go value", []),
        ('[{"name": "a"}]', "missing required field: upstream at proxy 1", []),
        (
            '[{"name": "a", "upstream": "x:1", "listen": "127.0.0.1:0"},'
            ' {"name": "b", "upstream": "x:1", "listen": "rubbish"}]',
            "listen tcp: address rubbish: missing port in address",
            ["a"],
        ),
    ],
)
def test_a_bad_config_file_is_told_and_the_server_serves(
    tmp_path: Path, text: str | None, said: str, made: list[str]
) -> None:
    """As in the original, with its texts."""
    config = tmp_path / "proxies.json"
    if text is not None:
        config.write_text(text)
    with started("-config", str(config)) as (port, child):
        status, body = get(port, "/proxies")
        child.terminate()
        complaints = child.communicate(timeout=PATIENCE_S)[1].decode()
    assert (status, list(json.loads(body))) == (200, made)
    assert len(complaints.splitlines()) == 1
    assert str(config) in complaints
    assert said in complaints


def test_metrics_are_there_only_when_asked_for() -> None:
    with started() as (port, _):
        assert get(port, "/metrics")[0] == 404
    with started("-runtime-metrics") as (port, _):
        status, text = get(port, "/metrics")
    assert status == 200
    assert "\nprocess_resident_memory_bytes " in text
