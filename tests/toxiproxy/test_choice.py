"""What `--toxiproxy` may say, and what is said when it asks for what is not there."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from harness.toxiproxy.choice import BadChoice, Binary, Embedded, Running, choose
from tests.toxiproxy.test_process import wait_until_gone


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


TOXIPROXY = "echo toxiproxy-server version 2.12.0"


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("embedded", Embedded()),
        ("127.0.0.1:8474", Running("127.0.0.1", 8474)),
        ("toxiproxy:8474", Running("toxiproxy", 8474)),
        ("[::1]:8474", Running("::1", 8474)),
    ],
)
def test_a_choice_is_read_and_said_again(said: str, choice: object) -> None:
    assert choose(said) == choice
    assert str(choose(said)) == said


@pytest.mark.parametrize(
    "said", ["", "8474", "host", "host:", ":8474", "host:0", "host:99999", "host:x", "::1:8474"]
)
def test_what_is_none_of_them_is_named_with_the_mend(said: str) -> None:
    with pytest.raises(BadChoice, match=f"'{said}' is not HOST:PORT.*say --toxiproxy 127"):
        choose(said)


def test_a_path_names_a_program_that_says_it_is_a_toxiproxy(tmp_path: Path) -> None:
    path = program(tmp_path / "mine", TOXIPROXY)
    assert choose(str(path)) == Binary(path)


def test_a_path_is_told_what_is_wrong_with_it(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("toxiproxy")
    broken = tmp_path / "broken"
    broken.write_text("toxiproxy")
    broken.chmod(0o755)
    other = program(tmp_path / "other", "echo nginx 1.0")
    for path, complaint in [
        (tmp_path / "missing", "there is no such file"),
        (tmp_path, "there is no such file"),
        (plain, "may not be executed"),
        (broken, "cannot be run"),
        (other, "says 'nginx 1.0' to -version"),
    ]:
        with pytest.raises(BadChoice, match=f"{path.name}: {complaint}.*leave --toxiproxy out"):
            choose(str(path))


def test_auto_takes_the_one_on_path(on_path: Path) -> None:
    path = program(on_path / "toxiproxy-server", TOXIPROXY)
    assert choose("auto") == Binary(path)


def test_auto_takes_server_only_if_it_is_a_toxiproxy(on_path: Path) -> None:
    """`go install` names it so, and so may anybody."""
    path = program(on_path / "server", TOXIPROXY)
    assert choose("auto") == Binary(path)
    program(path, "echo my web server")
    with pytest.raises(BadChoice, match=r"passed over: .*'my web server'"):
        choose("auto")


def test_auto_says_how_to_get_one(on_path: Path) -> None:
    with pytest.raises(BadChoice, match=r"go install .*or leave --toxiproxy out"):
        choose("auto")


def test_a_stranger_that_serves_instead_of_answering_is_ended(
    on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.toxiproxy.binary.ASK_TIMEOUT_S", 0.5)
    sleep = shutil.which("sleep", path=os.defpath)
    pid = on_path / "pid"
    program(on_path / "server", f"{sleep} 60 & echo $! > {pid}; wait")
    began_s = time.monotonic()
    with pytest.raises(BadChoice, match="says 'nothing'"):
        choose("auto")
    assert time.monotonic() - began_s < 10
    wait_until_gone(int(pid.read_text()))
