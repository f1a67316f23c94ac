"""Blocking calls from a coroutine: the loop turns on, and cancelling leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.toxiproxy import off_loop, within

pytestmark = pytest.mark.asyncio

PATIENCE_S = 10.0


class Slow:
    """A call that ends when it is let go, and what it did."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()
        self.done: list[str] = []

    def call(self, what: str) -> str:
        self.began.set()
        assert self.go.wait(PATIENCE_S)
        self.done.append(what)
        return what

    @contextmanager
    def block(self) -> Iterator[str]:
        yield self.call("entered")
        self.done.append("left")


async def begun(slow: Slow) -> None:
    assert await asyncio.to_thread(slow.began.wait, PATIENCE_S)


async def test_the_loop_turns_while_a_call_blocks() -> None:
    slow = Slow()
    calling = asyncio.create_task(off_loop(slow.call, "a"))
    await begun(slow)
    assert not calling.done()
    slow.go.set()
    assert await calling == "a"


async def test_an_error_of_the_call_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await off_loop(lambda: 1 // 0)


async def test_a_cancelled_caller_waits_for_the_end_of_its_call() -> None:
    """Else a fault could strike after whoever heals has been here."""
    slow = Slow()
    calling = asyncio.create_task(off_loop(slow.call, "a"))
    await begun(slow)
    calling.cancel()
    await asyncio.sleep(0.05)
    assert not calling.done()
    slow.go.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert slow.done == ["a"]


async def test_a_block_is_entered_and_left_off_the_loop() -> None:
    slow = Slow()
    slow.go.set()
    async with within(slow.block()) as entered:
        assert entered == "entered"
        assert slow.done == ["entered"]
    assert slow.done == ["entered", "left"]


async def test_a_caller_cancelled_at_the_door_leaves_again() -> None:
    slow = Slow()

    async def enter() -> None:
        async with within(slow.block()):
            pytest.fail("the block must not run")

    entering = asyncio.create_task(enter())
    await begun(slow)
    entering.cancel()
    await asyncio.sleep(0)
    slow.go.set()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert slow.done == ["entered", "left"]


async def test_an_error_inside_reaches_the_block_and_the_caller() -> None:
    seen: list[str] = []

    @contextmanager
    def block() -> Iterator[None]:
        try:
            yield
        except ZeroDivisionError:
            seen.append("error")
            raise

    with pytest.raises(ZeroDivisionError):
        async with within(block()):
            raise ZeroDivisionError
    assert seen == ["error"]
