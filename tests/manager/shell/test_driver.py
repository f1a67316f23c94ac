"""The driver: facts in, effects performed in order, one timer that is never too early."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from harness.manager import Config, ConnectionCore, DialFailed, Event, Failure, State, Stopped
from harness.manager.shell.driver import Driver
from harness.sim import SimLoop, run

NOWHERE = "ws://127.0.0.1:9/websocket"


@pytest.mark.asyncio
async def test_what_a_listener_causes_is_told_after_what_it_was_told() -> None:
    """It stops the manager from inside an event: no event is told inside another."""
    told: list[str] = []

    def listener(event: Event) -> None:
        told.append(f"begin {type(event).__name__}")
        if isinstance(event, DialFailed):
            driver.act(driver.core.stop)
        told.append(f"end {type(event).__name__}")

    config = Config()
    driver = Driver(ConnectionCore(config=config, rng=Random(1)), NOWHERE, config, listener)
    await driver.start()
    driver.dial_failed(1, Failure("refused"))
    await driver.stop()
    assert told == ["begin DialFailed", "end DialFailed", "begin Stopped", "end Stopped"]
    assert told[-1] == f"end {Stopped.__name__}"


@pytest.mark.asyncio
async def test_a_timer_that_comes_a_hair_early_still_does_what_is_due() -> None:
    """Clocks round: without this the core would be asked again and again, and time stand still."""
    config = Config()
    core = ConnectionCore(config=config, rng=Random(1))
    driver = Driver(core, NOWHERE, config, lambda event: None)
    await driver.start()
    driver.dial_failed(1, Failure("refused"))
    deadline_s = core.next_deadline()
    assert deadline_s is not None
    assert deadline_s > asyncio.get_running_loop().time()
    driver._on_timer(deadline_s)
    assert core.state is State.CONNECTING
    await driver.stop()


def test_a_standstill_is_told_before_any_timer_that_it_made_late() -> None:
    """A silence that was ours would be taken for the server's death."""
    told: list[str] = []

    class Core(ConnectionCore):
        deadline_s: float | None = 0.5

        def next_deadline(self) -> float | None:
            return self.deadline_s

        def woke(self, stood_s: float, now_s: float) -> None:
            told.append("woke")

        def timer(self, now_s: float) -> None:
            told.append("timer")
            self.deadline_s = None

    async def main(loop: SimLoop) -> None:
        host, config = loop.make_host("a"), Config()
        core = Core(config=config, rng=Random(1))
        driver = Driver(core, NOWHERE, config, lambda event: None)
        driver._loop, core.state = loop, State.CONNECTED
        host.run(driver.act, lambda: None)
        host.suspend()
        await asyncio.sleep(10)
        host.resume()
        await asyncio.sleep(0.1)

    run(main)
    assert told == ["woke", "timer"]


def test_a_standstill_is_told_before_whatever_is_read_after_it() -> None:
    """It has lain in the kernel's buffer, and must not count as a sign of life from now."""
    told: list[str] = []

    class Core(ConnectionCore):
        def woke(self, stood_s: float, now_s: float) -> None:
            told.append("woke")

        def received(self, link: int, frame: str | bytes, now_s: float) -> None:
            told.append("received")

    async def main(loop: SimLoop) -> None:
        host, config = loop.make_host("a"), Config()
        core = Core(config=config, rng=Random(1))
        driver = Driver(core, NOWHERE, config, lambda event: None)
        driver._loop, core.state = loop, State.CONNECTED
        host.run(driver.act, lambda: None)
        host.suspend()
        await asyncio.sleep(10)
        host.run(driver.received, 1, "[]")
        host.resume()
        await asyncio.sleep(0.1)

    run(main)
    assert told == ["woke", "received"]


@pytest.mark.asyncio
async def test_one_timer_is_set_at_a_time() -> None:
    config = Config()
    core = ConnectionCore(config=config, rng=Random(1))
    driver = Driver(core, NOWHERE, config, lambda event: None)
    await driver.start()
    driver.dial_failed(1, Failure("refused"))
    first = driver._timer
    driver.act(core.timer, driver.now_s)
    assert first is not None
    assert first.cancelled()
    await driver.stop()
    assert driver._timer is None
