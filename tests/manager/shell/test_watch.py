"""The watch: what stops the process, its machine or its loop is noticed; nothing else is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from harness.manager.shell.watch import Watch
from harness.sim import Host, SimLoop, run


def watched(befalls: Callable[[Host], None], for_s: float = 20.0) -> list[tuple[float, float]]:
    """When the watch of a process told that it woke, and how long it can have stood still."""

    async def main(loop: SimLoop) -> list[tuple[float, float]]:
        woke: list[tuple[float, float]] = []
        host = loop.make_host("a")
        watch = Watch(lambda stood_s: woke.append((round(loop.now_s, 3), stood_s)))
        host.run(watch.start)
        await asyncio.sleep(3.5)
        befalls(host)
        await asyncio.sleep(10)
        host.resume()
        await asyncio.sleep(for_s)
        host.run(watch.stop)
        return woke

    return run(main)


def test_a_process_that_runs_is_left_alone() -> None:
    assert watched(lambda host: None, for_s=3600) == []


def test_a_suspended_process_learns_of_it_at_once_and_once() -> None:
    assert watched(Host.suspend) == [(13.5, 10.5)]


def test_so_does_one_whose_loop_was_blocked() -> None:
    assert watched(lambda host: host.stand_for(5)) == [(8.5, 5.5)]


def test_a_short_stop_is_none() -> None:
    assert watched(lambda host: host.stand_for(1.4)) == []


def test_a_machine_that_sleeps_stops_the_loops_clock_and_not_the_walls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `CLOCK_MONOTONIC` does on Linux. To this process it is as if the wall clock had jumped."""

    def sleeps(host: Host) -> None:
        shown = time.time
        monkeypatch.setattr(time, "time", lambda: shown() + 600)

    assert watched(sleeps) == [(4.0, 1.0)]


def test_a_clock_that_was_set_back_is_seen_by_whoever_looks_first_and_looked_at_again() -> None:
    """It hides how long nothing ran, and the next look by itself would be an hour away."""

    async def main(loop: SimLoop) -> list[float]:
        woke: list[float] = []
        host = loop.make_host("a")
        watch = Watch(lambda stood_s: woke.append(round(loop.now_s, 3)))
        host.run(watch.start)
        await asyncio.sleep(3.5)
        host.jump(-3600)
        await asyncio.sleep(1)
        host.run(watch.look)
        await asyncio.sleep(3.5)
        host.stand_for(5)
        await asyncio.sleep(10)
        host.run(watch.stop)
        return woke

    assert run(main) == [4.5, 13.0]


def test_another_timer_may_ask_first() -> None:
    """One that was due earlier runs earlier, and would take the standstill for a silence."""

    async def main(loop: SimLoop) -> list[str]:
        order: list[str] = []
        host = loop.make_host("a")
        watch = Watch(lambda stood_s: order.append("woke"))

        def other() -> None:
            watch.look()
            order.append("timer")

        host.run(watch.start)
        host.run(loop.call_later, 0.5, other)
        host.suspend()
        await asyncio.sleep(10)
        host.resume()
        await asyncio.sleep(5)
        host.run(watch.stop)
        return order

    assert run(main) == ["woke", "timer"]


def test_a_watch_that_is_off_sees_nothing() -> None:
    async def main(loop: SimLoop) -> None:
        watch = Watch(lambda stood_s: pytest.fail("it is off"))
        watch.look()
        watch.start()
        watch.start()
        watch.stop()
        watch.stop()
        await asyncio.sleep(100)
        watch.look()

    run(main)
