"""The embedded server as a child: it says where it is, and it never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy, Unreachable

PATIENCE_S = 20.0


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while is_alive(pid):
        assert time.monotonic() < deadline_s, f"process {pid} outlived its parent"
        time.sleep(0.02)


def test_it_answers_inside_and_is_gone_after() -> None:
    with EmbeddedToxiproxy(seed=7) as child:
        assert Toxiproxy(child.host, child.port).version() == "2.12.0"
        assert is_alive(child.pid)
    assert not is_alive(child.pid)
    with pytest.raises(Unreachable):
        Toxiproxy(child.host, child.port).version()


def test_several_run_side_by_side() -> None:
    with EmbeddedToxiproxy() as one, EmbeddedToxiproxy() as other:
        assert one.port != other.port


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks processes up in /proc")
def test_it_ends_when_its_parent_is_killed() -> None:
    story = (
        "from harness.toxiproxy import EmbeddedToxiproxy; import sys, time\n"
        "with EmbeddedToxiproxy() as child:\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", story], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait(PATIENCE_S)
    parent.stdout.close()
    wait_until_gone(pid)


def test_a_child_that_does_not_get_ready_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/cat")
    with pytest.raises(Unreachable, match="did not start within"):
        EmbeddedToxiproxy(start_timeout_s=0.5).__enter__()


def test_stopping_twice_is_harmless() -> None:
    with EmbeddedToxiproxy() as child:
        child.stop()
        child.stop()
    assert not is_alive(child.pid)
