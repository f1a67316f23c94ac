"""The one place that strikes heals whatever it broke, in reverse order, however the run ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.history import Op
from harness.nemesis import Fault, Levers, Nemesis
from harness.nemesis import nemesis as module
from tests.fake_server.stage import simulated

HOLE = Fault("hole", after_s=0, for_s=60)
REFUSE = Fault("refuse", after_s=0, for_s=60)
SLOW = Fault("slow", after_s=0, for_s=60, bytes_per_s=5000)


class FakeNetwork:
    """Takes down what is pulled and what is taken back."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.stuck: str | None = None
        self.broken: str | None = None

    @asynccontextmanager
    async def _held(self, name: str) -> AsyncIterator[None]:
        if self.stuck == f"pull {name}":
            await asyncio.Event().wait()
        self.told.append(f"pull {name}")
        try:
            yield
        finally:
            if self.stuck == f"heal {name}":
                await asyncio.Event().wait()
            if self.broken == f"heal {name}":
                raise RuntimeError(f"{name} came off")
            self.told.append(f"heal {name}")

    def hole(self, victims: Any, **ways: bool) -> Any:
        return self._held("hole")

    def refuse(self, victims: Any) -> Any:
        return self._held("refuse")

    def toxic(self, victims: Any, stream: str, type: str, attributes: Any) -> Any:
        return self._held(type)


class Record:
    """Takes down the ops."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def invoke(self, process: str, f: str, value: Any) -> Op:
        self.told.append(f"invoke {f}")
        return Op(process=process, type="invoke", f=f, value=value)

    def complete(self, op: Op, type: str, error: str | None = None, **more: Any) -> None:
        self.told.append(f"info {op.f}")


def made(network: FakeNetwork, told: list[str] | None = None) -> Nemesis:
    levers: Any = Levers(network, None)  # type: ignore[arg-type]
    return Nemesis(levers, Record([] if told is None else told), ("client-0",), 1)


@simulated
async def test_an_act_is_written_down_before_it_begins_and_after_it_has_ended() -> None:
    network = FakeNetwork()
    async with made(network, network.told) as nemesis:
        await nemesis.start(HOLE)
        await nemesis.heal(HOLE)
    once = ["invoke start", "pull hole", "info start", "invoke heal", "heal hole", "info heal"]
    assert network.told == once


@simulated
async def test_what_is_still_broken_at_the_end_is_healed_the_last_first() -> None:
    network = FakeNetwork()
    async with made(network) as nemesis:
        await nemesis.start(HOLE)
        await nemesis.start(REFUSE)
    assert network.told == ["pull hole", "pull refuse", "heal refuse", "heal hole"]


@simulated
async def test_an_interrupt_in_the_middle_of_an_act_heals_the_half_that_was_done() -> None:
    network = FakeNetwork()
    network.stuck = "pull bandwidth"

    async def run() -> None:
        async with made(network) as nemesis:
            await nemesis.start(HOLE)
            await nemesis.start(SLOW)

    task = asyncio.create_task(run())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert network.told == ["pull hole", "pull latency", "heal latency", "heal hole"]


@simulated
async def test_a_fault_that_will_not_heal_keeps_no_other_from_it() -> None:
    network = FakeNetwork()
    network.stuck = "heal refuse"
    began_s = asyncio.get_running_loop().time()

    async def run() -> None:
        async with made(network) as nemesis:
            await nemesis.start(HOLE)
            await nemesis.start(REFUSE)

    with pytest.raises(TimeoutError):
        await run()
    assert network.told[-1] == "heal hole"
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(module.HEAL_WITHIN_S)


@simulated
async def test_a_heal_that_fails_does_not_hide_why_the_run_ended() -> None:
    network = FakeNetwork()
    network.broken = "heal hole"

    async def run() -> None:
        async with made(network) as nemesis:
            await nemesis.start(HOLE)
            raise ValueError("the run broke")

    with pytest.raises(ValueError, match="the run") as caught:
        await run()
    assert caught.value.__notes__ == ["and a fault did not heal: RuntimeError('hole came off')"]


@simulated
async def test_two_of_one_kind_are_healed_each_by_its_own() -> None:
    network = FakeNetwork()
    first, second = (Fault("latency", after_s=0, for_s=9) for _ in range(2))
    async with made(network) as nemesis:
        await nemesis.start(first)
        await nemesis.start(second)
        await nemesis.heal(first)
        assert network.told == ["pull latency", "pull latency", "heal latency"]
    assert network.told.count("heal latency") == 2
