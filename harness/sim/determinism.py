"""While a simulated program runs: virtual clocks, seeded entropy, and no way to the real world."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from harness.sim.host import HOST
from harness.sim.loop import SimLoop
from harness.sim.wall import wall_clocks

Replacement = tuple[Any, str, Callable[..., Any]]
"""Where, which name, and what the simulation's thread gets in its place."""

ESCAPES: tuple[tuple[Any, str, str], ...] = (
    (socket.socket, "bind", "use asyncio's streams or create_server"),
    (socket.socket, "connect", "use asyncio's streams or create_connection"),
    (socket.socket, "connect_ex", "use asyncio's streams or create_connection"),
    (socket.socket, "sendto", "UDP is not simulated"),
    (socket, "getaddrinfo", "use loop.getaddrinfo"),
    (signal, "signal", "signals are not simulated"),
    (subprocess.Popen, "__init__", "child processes are not simulated"),
    (threading.Thread, "start", "threads are not simulated; use tasks"),
    (time, "sleep", "it blocks the loop; use asyncio.sleep"),
)
"""Ways out that are shut, and what to use instead."""

_MISSING = object()
_running = threading.Lock()


@contextmanager
def deterministic(loop: SimLoop) -> Iterator[None]:
    """Make this thread's clocks and entropy those of `loop`, until the block ends.

    Other threads keep the real ones. Entered again, it goes on where it stopped, so a stateful
    test may enter it for each step: the loop stands still between them. Raises `RuntimeError` if
    a simulation runs already.
    """
    if not _running.acquire(blocking=False):
        raise RuntimeError("a simulation is running already: one at a time in a process")
    with ExitStack() as undo:
        undo.callback(_running.release)
        for owner, name, simulated in _replacements(loop):
            _replace(undo, owner, name, simulated)
        _ignore_proxies(undo)
        _take_over_random(undo, loop)
        yield


def _replacements(loop: SimLoop) -> Iterator[Replacement]:
    yield from _clocks(loop)
    yield from _entropy(loop)
    for owner, name, instead in ESCAPES:
        yield owner, name, _shut(loop, owner, name, instead)


def _clocks(loop: SimLoop) -> Iterator[Replacement]:
    def epoch_s() -> float:
        host = HOST.get()
        return loop.epoch_s + (host.wall_ahead_s if host else 0.0)

    def loop_ns() -> int:
        return round(loop.now_s * 1e9)

    for name, shown in wall_clocks(
        lambda: epoch_s() + loop.now_s, lambda: round(epoch_s() * 1e9) + loop_ns()
    ):
        yield time, name, shown
    for clock in ("monotonic", "perf_counter"):
        yield time, clock, lambda: loop.now_s
        yield time, f"{clock}_ns", loop_ns


def _entropy(loop: SimLoop) -> Iterator[Replacement]:
    """`secrets`, `uuid4` and `SystemRandom` draw from these; an unseeded `Random` seeds itself."""
    seed_generator = random.Random.seed
    randbytes = loop.entropy.randbytes

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        seed_generator(self, randbytes(32) if a is None else a, version)

    yield os, "urandom", randbytes
    yield random, "_urandom", randbytes
    yield random.Random, "seed", seed


def _take_over_random(undo: ExitStack, loop: SimLoop) -> None:
    """Give the `random` module the loop's state; other threads draw from a generator of their own.

    The state counts even where a program said `from random import uniform`.
    """
    undo.callback(random.setstate, random.getstate())
    undo.callback(lambda: setattr(loop, "random_state", random.getstate()))
    elsewhere = random.Random()
    shared = vars(random)["_inst"]
    for name in random.__all__:
        if not isinstance(getattr(random, name), type):
            _replace(undo, random, name, getattr(shared, name), getattr(elsewhere, name))
    random.setstate(loop.random_state)


def _ignore_proxies(undo: ExitStack) -> None:
    """A proxy named in the environment would be dialled in place of the simulated server."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = "*"
    if before is None:
        undo.callback(os.environ.pop, "no_proxy", None)
    else:
        undo.callback(os.environ.__setitem__, "no_proxy", before)


def _shut(loop: SimLoop, owner: Any, name: str, instead: str) -> Callable[..., Any]:
    def shut(*args: Any, **options: Any) -> Any:
        loop.escape(f"{owner.__name__}.{name}()", instead)

    return shut


def _replace(
    undo: ExitStack,
    owner: Any,
    name: str,
    simulated: Callable[..., Any],
    real: Callable[..., Any] | None = None,
) -> None:
    """Put `simulated` in place for this thread, `real` (what is there) for the others."""
    here = threading.get_ident()
    elsewhere = real or getattr(owner, name)

    def either(*args: Any, **options: Any) -> Any:
        chosen = simulated if threading.get_ident() == here else elsewhere
        return chosen(*args, **options)

    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, either)
    if before is _MISSING:
        undo.callback(delattr, owner, name)
    else:
        undo.callback(setattr, owner, name, before)
