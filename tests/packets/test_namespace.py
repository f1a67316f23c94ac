"""The namespace is empty, is ours alone, leaves nothing behind, and no tool runs outside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.packets import CannotIsolate, Namespace, OutsideNamespace, ToolFailed, Way
from harness.packets import namespace as room
from harness.packets.namespace import network_of_this_thread
from harness.packets.rules import dropped
from tests.packets.inside import PATIENCE_S, a_namespace, require_namespaces

Inside = Callable[[Callable[[Namespace], Any]], Any]

WAY = Way("127.0.1.1", 4000)


@pytest.fixture
def inside() -> Iterator[Inside]:
    with a_namespace() as run:
        yield run


def rules_of_this_machine() -> str:
    """What nftables holds where the tests run, outside of any namespace of ours."""
    return subprocess.run(
        ["nft", "list", "ruleset"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    ).stdout


def test_the_rules_of_the_machine_never_change(inside: Inside) -> None:
    before = rules_of_this_machine()
    name = inside(lambda one: one.add(dropped(WAY, up=True, down=True)))
    assert "127.0.1.1" in inside(lambda one: one.run("nft", "list", "ruleset"))
    assert rules_of_this_machine() == before
    inside(lambda one: one.remove(name))
    assert inside(lambda one: one.run("nft", "list", "ruleset")) == ""
    assert rules_of_this_machine() == before


def test_what_listens_outside_is_not_reached_from_inside(inside: Inside) -> None:
    def connect(_: Namespace) -> None:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            inside(connect)


def test_no_tool_runs_in_another_network(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard, not luck: the namespace object is used by a thread that never moved."""
    namespace: Namespace = inside(lambda one: one)
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: started.append(a))
    for act in (
        lambda: namespace.add(dropped(WAY, up=True, down=True)),
        lambda: namespace.remove("x"),
        lambda: namespace.reset(WAY),
        lambda: namespace.run("nft", "flush", "ruleset"),
    ):
        with pytest.raises(OutsideNamespace, match="not our network"):
            act()
    assert not started


def test_a_namespace_that_was_never_left_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the kernel to do nothing and say nothing, no rule would reach the machine's network."""
    require_namespaces()
    monkeypatch.setattr(room, "_leave_network", lambda: None)
    with pytest.raises(OutsideNamespace):
        in_a_thread(Namespace)


def test_threads_that_it_starts_are_inside(inside: Inside) -> None:
    def story(_: Namespace) -> tuple[str, str]:
        return network_of_this_thread(), in_a_thread(network_of_this_thread)

    mine, childs = inside(story)
    assert mine == childs != network_of_this_thread()


def test_the_main_thread_is_never_moved() -> None:
    with pytest.raises(CannotIsolate, match="main thread"):
        Namespace()


def test_two_namespaces_know_nothing_of_each_other() -> None:
    with a_namespace() as one, a_namespace() as other:
        one(lambda it: it.add(dropped(WAY, up=True, down=True)))
        assert other(lambda it: it.run("nft", "list", "ruleset")) == ""


def test_what_a_tool_refuses_is_told_in_its_words(inside: Inside) -> None:
    with pytest.raises(ToolFailed, match=r"nft .*[Ee]rror"):
        inside(lambda one: one.add(["no such rule"]))


@pytest.mark.parametrize(
    ("part", "value", "complaint"),
    [
        ("sys.platform", "darwin", "Linux's, and this is darwin"),
        ("os.geteuid", lambda: 1000, "only root"),
        ("shutil.which", lambda name, path: None, "not installed: ip, nft, ss; `apt-get install"),
    ],
)
def test_what_is_missing_is_said_with_the_mend(
    part: str, value: object, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, otherwise in [("os.geteuid", lambda: 0), (part, value)]:
        monkeypatch.setattr(f"harness.packets.namespace.{name}", otherwise)
    with pytest.raises(CannotIsolate, match=complaint):
        room.check_possible()


def test_a_kernel_that_refuses_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    require_namespaces()
    monkeypatch.setattr(room, "CLONE_NEWNET", -1)
    with pytest.raises(CannotIsolate, match=r"refuses a network namespace \(Invalid argument\)"):
        room.check_possible()


def test_nothing_is_left_when_the_process_is_killed() -> None:
    """It has no name and no file: the kernel drops it with its last thread."""
    require_namespaces()
    before, rules = named_networks(), rules_of_this_machine()
    story = (
        "import threading, time\n"
        "from harness.packets import Namespace, Way\n"
        "from harness.packets.rules import dropped\n"
        "def inside():\n"
        "    one = Namespace()\n"
        "    one.add(dropped(Way('127.0.1.1', 4000), up=True, down=True))\n"
        "    print(one._inside, flush=True)\n"
        "    time.sleep(600)\n"
        "threading.Thread(target=inside).start()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", story], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    network = child.stdout.readline().strip()
    assert network in networks()
    child.send_signal(signal.SIGKILL)
    child.wait(PATIENCE_S)
    child.stdout.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while network in networks():
        assert time.monotonic() < deadline_s, "the namespace outlived its process"
        time.sleep(0.02)
    assert named_networks() == before
    assert rules_of_this_machine() == rules


def networks() -> set[str]:
    """The network of every thread of this machine."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/task/[0-9]*/ns/net"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found


def named_networks() -> list[str]:
    folder = Path("/run/netns")
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def in_a_thread(act: Callable[[], Any]) -> Any:
    """Its result, or what it raised."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(act())
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE_S)
    if isinstance(ended[0], Exception):
        raise ended[0]
    return ended[0]
