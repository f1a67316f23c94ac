"""The chosen Toxiproxy answers inside a block, says which it is, and ends with it if it is ours."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy, Unreachable
from harness.toxiproxy.binary import RealToxiproxy, built_from
from harness.toxiproxy.choice import Binary, Embedded, Running
from harness.toxiproxy.opened import opened
from tests.toxiproxy.servers import required_real_toxiproxy
from tests.toxiproxy.test_choice import program
from tests.toxiproxy.test_process import wait_until_gone

PATIENCE_S = 20.0


def test_the_embedded_one_says_so() -> None:
    with opened(Embedded()) as ours:
        assert ours.client.proxies() == {}
        assert ours.words == f"embedded {ours.client.version()}"


def test_one_that_runs_is_named_by_its_address_and_left_running() -> None:
    with EmbeddedToxiproxy() as child:
        with opened(Running(child.host, child.port)) as running:
            assert running.words == f"2.12.0 at 127.0.0.1:{child.port}"
        assert Toxiproxy(child.host, child.port).version()


def test_nothing_there_says_the_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with (
        pytest.raises(Unreachable, match="start one there, or leave --toxiproxy out"),
        opened(Running("127.0.0.1", port)),
    ):
        pass


def test_a_real_one_is_started_and_ended() -> None:
    path = required_real_toxiproxy()
    with opened(Binary(path)) as real:
        assert re.fullmatch(rf"real \d+\.\d+\.\d+ \({path.name}\)", real.words)
        assert real.client.create("p", "127.0.0.1:9").name == "p"
    with pytest.raises(Unreachable):
        real.client.version()


def test_one_that_says_only_git_is_named_by_what_it_was_built_from(tmp_path: Path) -> None:
    """`go install` makes such a one; Go writes the release into the program."""
    path = tmp_path / "server"
    path.write_bytes(b"\0mod\tgithub.com/Shopify/toxiproxy/v2\tv2.12.0\th1:x\n")
    assert built_from(path) == "2.12.0"
    path.write_bytes(b"dep\tgithub.com/Shopify/toxiproxy/v2\tv2.12.0\n")
    assert built_from(path) is None
    path.write_bytes(b"")
    assert built_from(path) is None


def test_several_real_ones_run_side_by_side() -> None:
    path = required_real_toxiproxy()
    with RealToxiproxy(path) as one, RealToxiproxy(path) as other:
        assert one.port != other.port


def test_a_real_one_ends_when_its_parent_is_killed() -> None:
    story = (
        "from pathlib import Path\n"
        "from harness.toxiproxy.binary import RealToxiproxy; import sys, time\n"
        "with RealToxiproxy(Path(sys.argv[1])) as real:\n"
        "    print(real.port, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", story, str(required_real_toxiproxy())]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    real = Toxiproxy("127.0.0.1", int(parent.stdout.readline()))
    assert real.version()
    parent.send_signal(signal.SIGKILL)
    parent.wait(PATIENCE_S)
    parent.stdout.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            real.version()
        except Unreachable:
            return
        assert time.monotonic() < deadline_s, "it outlived its parent"
        time.sleep(0.02)


def test_one_that_ends_at_once_is_reported_with_its_last_word(tmp_path: Path) -> None:
    path = program(tmp_path / "toxiproxy-server", "echo starting; echo bad luck >&2; exit 1")
    with pytest.raises(Unreachable, match="did not start: bad luck"):
        RealToxiproxy(path).__enter__()


def test_one_that_ignores_its_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.toxiproxy.binary.START_TIMEOUT_S", 0.5)
    monkeypatch.setattr("harness.toxiproxy.binary.STOP_TIMEOUT_S", 0.5)
    pid = tmp_path / "pid"
    path = program(tmp_path / "deaf", f"trap '' TERM; echo $$ > {pid}; while :; do sleep 1; done")
    with pytest.raises(Unreachable):
        RealToxiproxy(path).__enter__()
    wait_until_gone(int(pid.read_text()))
