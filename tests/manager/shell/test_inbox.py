"""A channel's inbox: in order, bounded, and quiet once it is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.manager.shell.inbox import Inbox


def inbox(callback: Any, queue_max: int = 10) -> tuple[Inbox, list[Exception]]:
    failures: list[Exception] = []
    return Inbox(callback, queue_max, failures.append), failures


@pytest.mark.asyncio
async def test_a_burst_is_delivered_in_order_and_lets_others_run() -> None:
    """A burst of slow callbacks must not stall the loop: a heartbeat may be due meanwhile."""
    seen: list[Any] = []
    one, _ = inbox(lambda event, payload: seen.append(payload))
    for number in range(5):
        assert one.put("e", number)
    for _ in range(3):
        seen.append("other")
        await asyncio.sleep(0)
    assert seen[:6] == ["other", 0, "other", 1, "other", 2]
    await asyncio.sleep(0.01)
    assert [payload for payload in seen if payload != "other"] == [0, 1, 2, 3, 4]


@pytest.mark.asyncio
async def test_its_task_lives_only_while_something_waits() -> None:
    one, _ = inbox(lambda event, payload: None)
    assert one.task is None
    one.put("e", 1)
    task = one.task
    assert task is not None
    await task
    assert one.task is None


@pytest.mark.asyncio
async def test_what_does_not_fit_is_refused_until_it_has_caught_up() -> None:
    one, _ = inbox(lambda event, payload: None, queue_max=2)
    assert [one.put("e", number) for number in range(3)] == [True, True, False]
    assert one.overflowing
    await asyncio.sleep(0.01)
    assert not one.overflowing
    assert one.put("e", 4)
    one.close()


@pytest.mark.asyncio
async def test_a_failure_is_reported_and_the_next_message_delivered() -> None:
    seen: list[Any] = []

    async def fails(event: str, payload: Any) -> None:
        seen.append(payload)
        raise KeyError(payload)

    one, failures = inbox(fails)
    one.put("e", 1)
    one.put("e", 2)
    await asyncio.sleep(0.01)
    assert seen == [1, 2]
    assert [repr(failure) for failure in failures] == ["KeyError(1)", "KeyError(2)"]


@pytest.mark.asyncio
async def test_after_closing_nothing_is_called_and_what_ran_is_cancelled() -> None:
    seen: list[Any] = []

    async def slow(event: str, payload: Any) -> None:
        seen.append(payload)
        await asyncio.sleep(60)
        seen.append("finished")

    one, _ = inbox(slow)
    one.put("e", 1)
    one.put("e", 2)
    await asyncio.sleep(0)
    task = one.task
    assert task is not None
    one.close()
    await asyncio.wait([task])
    one.put("e", 3)
    await asyncio.sleep(0.01)
    assert seen == [1]


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(4))
async def test_it_delivers_again_after_it_was_cleared_at_any_moment(turns: int) -> None:
    """A manager that was closed while a message had just come in was deaf when it was started."""
    seen: list[Any] = []
    one, _ = inbox(lambda event, payload: seen.append(payload))
    one.put("e", 1)
    for _ in range(turns):
        await asyncio.sleep(0)
    one.clear()
    one.put("e", 2)
    await asyncio.sleep(0.01)
    assert seen[-1] == 2
    assert one.task is None
