"""The server as a process: the ready line, the signals, and a busy port."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jwt
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

_PATIENCE_S = 30


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The server as a child, killed in the end."""
    command = [sys.executable, "-m", "fake_server", "--port", "0", *arguments]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, **pipes) as child:
        try:
            yield child
        finally:
            child.kill()


def ready(child: subprocess.Popen[str]) -> dict[str, Any]:
    assert child.stdout is not None
    line: dict[str, Any] = json.loads(child.stdout.readline())
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_serves_and_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    with process() as child:
        line = ready(child)
        assert list(line) == ["host", "port", "url", "apikey", "version"]
        uri = f"{line['url']}/websocket?apikey={line['apikey']}"
        with connect(uri, proxy=None) as client:
            client.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}')
            assert json.loads(client.recv(_PATIENCE_S))["ref"] == "1"
            child.send_signal(number)
            stdout, stderr = child.communicate(timeout=_PATIENCE_S)
        assert (child.returncode, stdout) == (0, "")
        assert line["apikey"] not in stderr


def test_the_control_api_is_told_and_serves_until_the_end() -> None:
    with process("--control-port", "0") as child:
        control = ready(child)["control"]
        with urlopen(f"{control}/truth", timeout=_PATIENCE_S) as reply:
            assert json.loads(reply.read())["listening"] is True
        child.terminate()
        assert child.wait(_PATIENCE_S) == 0


def test_a_busy_control_port_is_one_clear_line_and_exit_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process("--control-port", str(port)) as child:
            stdout, stderr = child.communicate(timeout=_PATIENCE_S)
    assert (child.returncode, stdout) == (3, "")
    assert f"cannot listen on 127.0.0.1:{port}" in stderr


def test_it_plays_the_project_of_a_schema_file(tmp_path: Path) -> None:
    """The secret of its tenant signs the key that the ready line shows."""
    file = tmp_path / "project.toml"
    secret = "a secret of this very project, long enough for HS256"
    file.write_text(f"[tenants.acme]\njwt_secret = '{secret}'", "utf-8")
    with process("--schema", str(file)) as child:
        assert jwt.decode(ready(child)["apikey"], secret, algorithms=["HS256"])["role"] == "anon"


def test_a_wrong_schema_file_is_one_clear_line_and_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "project.toml"
    file.write_text("[tables.t]\ncolumns.id = 'bigintt'", "utf-8")
    for path, words in (
        (file, 'line 2: tables.t.columns.id: type "bigintt"'),
        (tmp_path, "Is a d"),
    ):
        with process("--schema", str(path)) as child:
            _, stderr = child.communicate(timeout=_PATIENCE_S)
            assert (child.returncode, stderr.count("\n")) == (2, 1)
            assert words in stderr


def test_it_ends_when_its_parent_closes_stdin() -> None:
    with process("--until-stdin-closes") as child:
        ready(child)
        child.communicate(timeout=_PATIENCE_S)
        assert child.returncode == 0


def test_it_closes_who_has_channels_on_sigterm() -> None:
    with process("--plan", "pro") as child:
        line = ready(child)
        with connect(f"{line['url']}/websocket?apikey={line['apikey']}", proxy=None) as client:
            client.send(
                '{"topic":"realtime:a","event":"phx_join","payload":{"config":{}},"ref":"1"}'
            )
            assert json.loads(client.recv(_PATIENCE_S))["payload"]["status"] == "ok"
            child.terminate()
            with pytest.raises(ConnectionClosedError, match="1012"):
                client.recv(_PATIENCE_S)
        child.communicate(timeout=_PATIENCE_S)
        assert child.returncode == 0


def test_handshakes_that_are_broken_off_leave_no_traceback() -> None:
    with process() as child:
        port = ready(child)["port"]
        for junk in (b"", b"GARBAGE\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(junk)
        with pytest.raises(Exception, match="HTTP 401"):
            connect(f"ws://127.0.0.1:{port}/realtime/v1/websocket?apikey=hush", proxy=None)
        child.terminate()
        _, stderr = child.communicate(timeout=_PATIENCE_S)
        assert stderr == (
            "fake_server: refused an upgrade of '/realtime/v1/websocket': 401 "
            '{"error":"The token provided is not a valid JWT"}\n'
        )


def test_a_busy_port_is_one_clear_line_and_exit_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process("--port", str(port)) as child:
            stdout, stderr = child.communicate(timeout=_PATIENCE_S)
    assert (child.returncode, stdout) == (3, "")
    assert stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in stderr


@pytest.mark.parametrize(
    "arguments", [["--port", "http"], ["--port", "65536"], ["--plan", "gold"], ["--nonsense"]]
)
def test_a_wrong_option_is_a_usage_error(arguments: list[str]) -> None:
    with process(*arguments) as child:
        _, stderr = child.communicate(timeout=_PATIENCE_S)
    assert child.returncode == 2
    assert arguments[-1] in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("text", ["", "iss", "[1]", '{"iss": }'])
def test_claim_validators_that_are_no_object_are_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_CLAIM_VALIDATORS", text)
    with process() as child:
        stdout, stderr = child.communicate(timeout=_PATIENCE_S)
    assert (child.returncode, stdout) == (2, "")
    assert "JWT_CLAIM_VALIDATORS: JWT claim validators is not a valid JSON object" in stderr


def test_claim_validators_of_the_environment_are_in_the_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JWT_CLAIM_VALIDATORS", '{"iss": "Issuer"}')
    with process() as child:
        claims = jwt.decode(ready(child)["apikey"], options={"verify_signature": False})
    assert claims["iss"] == "Issuer"


def test_it_plays_every_tenant_of_a_schema_file(tmp_path: Path) -> None:
    """The gateway of each is at the address in the ready line, and takes the key beside it."""
    file = tmp_path / "projects.toml"
    secret = "a secret of this very project, long enough for HS256"
    file.write_text(f"[tenants.acme]\n[tenants.globex]\njwt_secret = '{secret}'\n", "utf-8")
    with process("--schema", str(file), "--plan", "free", "--control-port", "0") as child:
        line = ready(child)
        assert list(line["tenants"]) == ["acme", "globex"]
        for one in line["tenants"].values():
            uri = f"{one['url']}/websocket?apikey={one['apikey']}"
            with connect(uri, proxy=None) as client:
                client.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}')
                assert json.loads(client.recv(_PATIENCE_S))["ref"] == "1"
        with urlopen(f"{line['control']}/truth?tenant=globex", timeout=_PATIENCE_S) as reply:
            assert json.loads(reply.read())["counters"]["handshake"] == 1
