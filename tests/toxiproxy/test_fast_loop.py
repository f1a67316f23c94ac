"""The loop of the embedded server's process: timers that are never early, none lost, none kept."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("timers of the kernel are Linux's", allow_module_level=True)

from harness.toxiproxy.fast_loop import CANCELLED_MAX, FastLoop
from harness.toxiproxy.timer_file import TimerFile

PATIENCE_S = 10.0

Play = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def played() -> Iterator[Play]:
    """Runs a coroutine on the loop, and does not let it hang."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        yield lambda story: runner.run(asyncio.wait_for(story, PATIENCE_S))


def the_loop() -> FastLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastLoop)
    return loop


async def rung(*delays_s: float) -> list[tuple[float, float]]:
    """When timers were to ring and when they did, in the order in which they did."""
    loop, times, done = the_loop(), [], asyncio.Event()

    def ring(when_s: float) -> None:
        times.append((when_s, time.monotonic()))
        if len(times) == len(delays_s):
            done.set()

    for delay_s in delays_s:
        when_s = loop.time() + delay_s
        loop.call_at(when_s, ring, when_s)
    await done.wait()
    return times


def test_no_timer_is_early(played: Play) -> None:
    times = played(rung(*(number * 0.00037 for number in range(200))))
    assert all(rang_s >= when_s for when_s, rang_s in times)


def test_timers_ring_in_order_of_their_time(played: Play) -> None:
    times = played(rung(0.03, 0.01, 0.02, 0.0101, 0.0))
    assert [when_s for when_s, _ in times] == sorted(when_s for when_s, _ in times)


def test_an_earlier_timer_does_not_wait_for_one_that_was_set_before(played: Play) -> None:
    async def story() -> float:
        loop = the_loop()
        loop.call_later(60, print)
        loop.call_at(loop.time() + 60, print)
        began_s = time.monotonic()
        await rung(0.01)
        return time.monotonic() - began_s

    assert played(story()) < 5


def test_the_clock_goes_on_within_a_turn(played: Play) -> None:
    async def story() -> float:
        began_s = the_loop().time()
        while time.monotonic() < began_s + 0.002:
            pass
        return the_loop().time() - began_s

    assert played(story()) >= 0.002


def test_a_cancelled_timer_does_not_ring_even_by_one_that_is_due_with_it(played: Play) -> None:
    async def story() -> list[str]:
        loop, rang = the_loop(), list[str]()
        when_s = loop.time()
        victims = list[asyncio.TimerHandle]()
        loop.call_at(when_s, lambda: victims[0].cancel())
        victims.append(loop.call_at(when_s, rang.append, "cancelled"))
        loop.call_at(when_s, rang.append, "kept")
        loop.call_at(when_s + 0.001, rang.append, "cancelled before").cancel()
        await rung(0.02)
        return rang

    assert played(story()) == ["kept"]


def test_a_timer_that_sets_one_for_now_leaves_the_loop_its_turns(played: Play) -> None:
    async def story() -> int:
        loop, turns = the_loop(), 0

        def again() -> None:
            nonlocal turns
            turns += 1
            loop.call_at(loop.time(), again)

        again()
        for _ in range(100):
            await asyncio.sleep(0)
        return turns

    assert played(story()) > 1


def test_a_callback_that_raises_keeps_no_other_from_ringing(played: Play) -> None:
    async def story() -> list[str]:
        loop, said = the_loop(), list[str]()
        loop.set_exception_handler(lambda _, context: said.append(str(context["exception"])))
        when_s = loop.time()
        loop.call_at(when_s, lambda: 1 / 0)
        loop.call_at(when_s, said.append, "rang")
        await rung(0.001)
        return said

    assert played(story()) == ["division by zero", "rang"]


def test_cancelled_timers_do_not_pile_up(played: Play) -> None:
    async def story() -> int:
        loop = the_loop()
        kept = [loop.call_at(loop.time() + 60, print) for _ in range(10)]
        for _ in range(50 * CANCELLED_MAX):
            loop.call_at(loop.time() + 60, print).cancel()
        assert not any(handle.cancelled() for handle in kept)
        return len(loop._scheduled)

    assert played(story()) <= CANCELLED_MAX + 11


def test_a_closed_loop_keeps_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with asyncio.Runner(loop_factory=FastLoop) as runner:
            runner.run(rung(0.001))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_timer_file_is_readable_from_its_time_on_and_never_if_told_so() -> None:
    timer = TimerFile()
    try:
        timer.set(time.monotonic() + 0.001)
        time.sleep(0.05)
        assert os.read(timer.fd, 8)
        timer.set(-5.0)
        time.sleep(0.05)
        assert os.read(timer.fd, 8)
        timer.set(0.001)
        timer.set(math.inf)
        with pytest.raises(BlockingIOError):
            os.read(timer.fd, 8)
    finally:
        timer.close()
