"""A real loop that stands still is noticed, and only for those who were on it."""

import asyncio
import time

import pytest

from harness.worlds import lag
from harness.worlds.lag import LagWatch


def test_a_stall_voids_what_was_measured_while_it_lasted() -> None:
    watch = LagWatch()
    watch.seen(at_s=10.0, late_s=5.0)
    watch.seen(at_s=20.0, late_s=0.5)
    assert watch.worst_since(12.0) == 5.0
    assert watch.worst_since(15.1) is None


@pytest.mark.asyncio
async def test_a_blocked_loop_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "STALL_S", 0.3)
    watch = LagWatch()
    began_s = asyncio.get_running_loop().time()
    watching = asyncio.create_task(watch.watch())
    await asyncio.sleep(0.05)
    time.sleep(0.6)  # noqa: ASYNC251  (blocking is the point)
    await asyncio.sleep(0.15)
    watching.cancel()
    stall_s = watch.worst_since(began_s)
    assert stall_s is not None
    assert stall_s >= 0.3
