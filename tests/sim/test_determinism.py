"""Determinism, both ways: the same seed gives the same bytes on the wire, another seed others."""

from __future__ import annotations

import asyncio
import datetime
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from random import uniform
from typing import Any

import pytest

from harness.sim import EscapedSimulation, SimLoop, deterministic, run

ROOT = Path(__file__).parents[2]
SEEDS = 20


def test_20_seeds_give_the_same_bytes_in_two_processes_with_other_hash_seeds() -> None:
    """`websockets` at both ends and the unmodified `realtime` client, with faults in the middle."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.sim.story", str(SEEDS)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, **more},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed, more in (("1", {}), ("2", {"PYTHONMALLOC": "malloc"}))
    ]
    first, second = [process.communicate(timeout=100)[0].splitlines() for process in processes]
    assert first == second
    assert len(dict.fromkeys(first)) == SEEDS


def draw() -> list[object]:
    return [
        random.random(),
        uniform(0, 1),
        random.Random().random(),
        random.SystemRandom().random(),
        os.urandom(8),
        secrets.token_hex(4),
        secrets.randbelow(1 << 60),
        uuid.uuid4(),
    ]


async def draws(loop: SimLoop) -> list[object]:
    random.seed()
    return draw()


def test_every_source_of_entropy_follows_the_seed() -> None:
    first, again, other = run(draws, seed=1), run(draws, seed=1), run(draws, seed=2)
    assert first == again
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_entropy_goes_on_where_it_stopped() -> None:
    """A stateful test enters once a rule: the second rule must not draw the first one's ids."""
    loop = SimLoop(seed=1)
    with deterministic(loop):
        first = draw()
    with deterministic(loop):
        second = draw()
    loop.close()
    assert all(one != another for one, another in zip(first, second, strict=True))


def test_the_loop_stands_still_between_two_entries() -> None:
    loop = SimLoop()
    real_s = time.monotonic()
    with deterministic(loop):
        loop.run_until_complete(asyncio.sleep(10))
        assert time.monotonic() == 10
    assert 0 <= time.monotonic() - real_s < 5
    with deterministic(loop):
        assert time.monotonic() == 10
    loop.close()


def test_every_clock_shows_virtual_time() -> None:
    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(90)
        assert time.time() == 1_000_000_090
        assert time.time_ns() == 1_000_000_090 * 10**9
        assert time.monotonic() == time.perf_counter() == 90
        assert time.monotonic_ns() == time.perf_counter_ns() == 90 * 10**9
        assert time.gmtime() == time.gmtime(1_000_000_090)
        assert time.localtime() == time.localtime(1_000_000_090)

    run(main, epoch_s=1_000_000_000)


def test_another_thread_keeps_the_real_clock_and_its_own_entropy() -> None:
    """A world of real sockets may run beside the simulation, in a thread of its own."""
    ready, done = threading.Event(), threading.Event()
    seen: list[float] = []

    def beside() -> None:
        ready.wait(10)
        seen.append(time.time())
        seen.extend(random.random() for _ in range(100))
        socket.getaddrinfo("127.0.0.1", 80)
        done.set()

    thread = threading.Thread(target=beside)
    thread.start()

    async def main(loop: SimLoop) -> list[object]:
        ready.set()
        assert done.wait(10)
        return await draws(loop)

    assert run(main, seed=1) == run(draws, seed=1)
    thread.join()
    assert abs(seen[0] - datetime.datetime.now().timestamp()) < 60


def test_one_simulation_runs_at_a_time() -> None:
    async def main(loop: SimLoop) -> None:
        run(main)

    with pytest.raises(RuntimeError, match="one at a time"):
        run(main)


ESCAPES: dict[str, Callable[[socket.socket], Any]] = {
    "socket.connect": lambda sock: sock.connect(("127.0.0.1", 1)),
    "socket.bind": lambda sock: sock.bind(("127.0.0.1", 0)),
    "socket.getaddrinfo": lambda sock: urllib.request.urlopen("http://127.0.0.1:1"),
    "Popen": lambda sock: subprocess.run(["true"]),
    "Thread.start": lambda sock: threading.Thread(target=print).start(),
    "time.sleep": lambda sock: time.sleep(0.001),
    "signal.signal": lambda sock: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
}


@pytest.mark.parametrize("call", ESCAPES)
def test_a_blocking_call_to_the_real_world_is_an_escape(call: str) -> None:
    async def main(loop: SimLoop) -> None:
        with socket.socket() as sock:
            ESCAPES[call](sock)

    with pytest.raises(EscapedSimulation) as caught:
        run(main)
    assert call in str(caught.value)


def test_a_proxy_of_the_machine_is_not_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)

    async def main(loop: SimLoop) -> bool:
        return bool(urllib.request.proxy_bypass("server:4000"))

    assert run(main)
    assert "no_proxy" not in os.environ
