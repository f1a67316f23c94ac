"""A network namespace of one thread, and the guard that keeps every tool inside it."""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from harness.packets import rules
from harness.packets.rules import Rule, Way

TOOLS = ("ip", "nft", "ss")
SYSTEM_PATH = ("/usr/sbin", "/sbin")
"""Where these tools lie, also for a user whose PATH leaves it out."""

TOOL_TIMEOUT_S = 10.0
CLONE_NEWNET = 0x40000000

_PEER_PORT = re.compile(r":(\d+)\s*$")


class CannotIsolate(RuntimeError):
    """This machine allows no namespace of its own: says what is missing and the mend."""


class ToolFailed(RuntimeError):
    """A tool refused what it was asked to do; with its words."""


class OutsideNamespace(RuntimeError):
    """A tool would have run in a network that is not ours. It did not run."""


def network_of_this_thread() -> str:
    """What Linux calls the network that this thread is in."""
    return os.readlink("/proc/thread-self/ns/net")


class Namespace:
    """The empty network that the thread which makes it moves into, for good.

    Loopback is up, there is nothing else. Threads that this one starts are in it, too, and may
    call; any other gets `OutsideNamespace`. Raises `CannotIsolate`.
    """

    def __init__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            raise CannotIsolate("the main thread would never come back: use a thread of its own")
        self._tools = _tools()
        self._outside = network_of_this_thread()
        _leave_network()
        self._inside = network_of_this_thread()
        self._numbers = itertools.count(1)
        self.run("ip", "link", "set", "lo", "up")

    def add(self, added: Iterable[Rule]) -> str:
        """Put rules in force, all in one moment; returns the name to remove them by."""
        name = f"squall_{next(self._numbers)}"
        self.run("nft", "-f", "-", stdin=rules.table(name, added))
        return name

    def remove(self, name: str) -> None:
        """Take rules back."""
        self.run("nft", "delete", "table", "inet", name)

    def reset(self, way: Way) -> None:
        """End every connection of a way: its server's end fails, its client's gets an RST."""
        self.run("ss", "-K", "-Htn", *way.filter)

    def flows(self, way: Way) -> list[int]:
        """The clients' ports of the connections that a way has now."""
        found = self.run("ss", "-Htn", "state", "established", *way.filter).splitlines()
        return [int(port[1]) for line in found if (port := _PEER_PORT.search(line))]

    def run(self, tool: str, *arguments: str, stdin: str = "") -> str:
        """Run a tool in this thread's network, which must be ours. Raises `OutsideNamespace`."""
        command = [self._tools[tool], *arguments]
        here = network_of_this_thread()
        if here != self._inside or here == self._outside:
            raise OutsideNamespace(f"{tool} was kept from running in {here}: it is not our network")
        # A child is in the network of the thread that starts it, and this one never moves again.
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolFailed(f"{tool}: {error}") from None
        if done.returncode != 0:
            said = " ".join(done.stderr.split())[:200]
            raise ToolFailed(f"{tool} {' '.join(arguments)}: {said}")
        return done.stdout


def check_possible() -> None:
    """Make a namespace and use all that it needs, in a thread that then ends.

    Raises `CannotIsolate` where this machine does not allow it.
    """

    def attempt() -> None:
        try:
            namespace = Namespace()
            way = Way("127.0.1.1", 4000)
            namespace.remove(namespace.add(_every_kind(way)))
            namespace.flows(way)
        except ToolFailed as error:
            raise CannotIsolate(f"this kernel does not do what is needed: {error}") from None

    with ThreadPoolExecutor(1) as pool:
        pool.submit(attempt).result()


def _every_kind(way: Way) -> list[Rule]:
    return [
        *rules.dropped(way, up=True, down=True),
        *rules.lost(way, 0.5),
        *rules.new_refused(way),
        *rules.new_stalled(way),
        *rules.only_flows(way, [1, 2]),
        *rules.unreachable(way, "host"),
    ]


def _tools() -> dict[str, str]:
    if sys.platform != "linux":
        raise CannotIsolate(f"network namespaces are Linux's, and this is {sys.platform}")
    if os.geteuid() != 0:
        raise CannotIsolate("only root may make a network namespace: run it as root")
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PATH))
    found = {name: shutil.which(name, path=path) for name in TOOLS}
    missing = [name for name, where in found.items() if where is None]
    if missing:
        raise CannotIsolate(
            f"not installed: {', '.join(missing)}; `apt-get install iproute2 nftables` has them"
        )
    return {name: where for name, where in found.items() if where is not None}


def _leave_network() -> None:
    # `os.unshare` came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise CannotIsolate(
            f"the kernel refuses a network namespace ({reason}): "
            "a container needs the capabilities SYS_ADMIN and NET_ADMIN"
        )
