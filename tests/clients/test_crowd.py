"""Programs of their own start a few at a time, and run as many as the machine can watch."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from harness.clients import crowd as crowds
from harness.clients.crowd import Crowd, TooManyPrograms, crowd
from harness.clients.program import Program
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell
from harness.verdict import Outcome
from harness.workloads import Broadcast
from harness.worlds.wire import WireWorld
from tests.servers import make_server


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_start_at_once_than_there_are_cores() -> None:
    async def story() -> None:
        them, started = Crowd(cores=2), []
        may_go_on = asyncio.Event()

        async def one(number: int) -> None:
            async with them.start():
                started.append(number)
                await may_go_on.wait()

        tasks = [asyncio.create_task(one(number)) for number in range(5)]
        await settle()
        assert started == [0, 1]
        may_go_on.set()
        await asyncio.gather(*tasks)
        assert started == [0, 1, 2, 3, 4]

    asyncio.run(story())


def test_one_that_does_not_answer_gives_its_turn_away_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowds, "STARTS_WITHIN_S", 0.0)

    async def story() -> None:
        them = Crowd(cores=1)
        async with them.start(), asyncio.timeout(5), them.start():
            pass
        monkeypatch.setattr(crowds, "STARTS_WITHIN_S", 60.0)
        async with them.start():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(them.start().__aenter__(), 0.05)

    asyncio.run(story())


def test_a_story_waits_until_there_is_room_and_who_came_first_goes_first() -> None:
    async def story() -> None:
        them, told = Crowd(cores=1), []
        leaves = {name: asyncio.Event() for name in ("first", "large", "small")}

        async def one(name: str, count: int) -> None:
            async with them.room(count):
                told.append(name)
                await leaves[name].wait()

        asked: list[Coroutine[Any, Any, None]] = [one("first", 20), one("large", 32)]
        tasks = [asyncio.create_task(one) for one in [*asked, one("small", 1)]]
        await settle()
        assert told == ["first"]
        leaves["first"].set()
        await settle()
        assert told == ["first", "large"]
        leaves["large"].set()
        leaves["small"].set()
        await asyncio.gather(*tasks)
        assert told == ["first", "large", "small"]

    asyncio.run(story())


def test_clients_within_our_process_wait_for_nobody() -> None:
    async def story() -> None:
        them = Crowd(cores=1)
        async with them.room(them.running_max):
            waiting = asyncio.create_task(them.room(1).__aenter__())
            await settle()
            assert not waiting.done()
            async with asyncio.timeout(5), them.room(0):
                pass
        await waiting

    asyncio.run(story())


def test_each_loop_has_a_crowd_of_its_own() -> None:
    async def story() -> Crowd:
        assert crowd() is crowd()
        return crowd()

    assert asyncio.run(story()) is not asyncio.run(story())


def test_more_than_the_machine_runs_are_refused_with_the_number() -> None:
    async def story() -> None:
        async with Crowd(cores=2).room(65):
            pass

    with pytest.raises(TooManyPrograms, match=r"65 clients .* has 2 cores and runs up to 64 at"):
        asyncio.run(story())


@pytest.mark.filterwarnings("default")
def test_a_story_with_too_many_programs_is_unknown_and_starts_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowds, "RUNNING_PER_CORE", 0)
    story = Scenario(workload=Broadcast(clients=3))
    maker = lambda rng: Program(["no-such-program-anywhere"], Random(1))  # noqa: E731
    world = WireWorld(make_server)
    judgement = run_storm(Storm(Cell("many", "programs", "wire", 1), story, maker), world)
    world.close()
    assert judgement.outcome is Outcome.UNKNOWN
    assert "3 clients that are programs of their own are too many" in judgement.reason
