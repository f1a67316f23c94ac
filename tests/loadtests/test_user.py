"""Facts about one user, in virtual time against the fake server: it counts what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fake_server import FakeServer
from harness import sim
from harness.entropy import substream
from harness.manager import ChannelConfig, ConnectionManager
from loadtests.crew import Crew, Plan
from loadtests.measure import Measure, Row
from loadtests.target import Target
from loadtests.user import SteadyUser

EPOCH_S = 1_800_000_000.0

Story = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A server, one user of it, and what was measured."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.rows: list[Row] = []
        self.measure = Measure(self.rows.append)
        self.target = Target(server.url, server.apikey)
        self.user = SteadyUser(self.target, "load/1", 1.0, substream(1, "load/1"), self.measure)

    @property
    def counts(self) -> dict[str, int]:
        return {name: times for name, times in self.measure.tally.counts.items() if times}


def played(story: Story) -> Stage:
    """Play a story in virtual time; the user is closed in the end."""
    stages: list[Stage] = []

    async def main(loop: sim.SimLoop) -> None:
        server = FakeServer(clock=lambda: EPOCH_S + loop.time(), rng=substream(1, "server"))
        await server.start("server", 4000)
        stages.append(Stage(server))
        try:
            await story(stages[0])
        finally:
            await stages[0].user.close()
            await server.stop()

    sim.run(main, seed=1)
    return stages[0]


def test_in_peace_every_message_comes_back() -> None:
    async def story(stage: Stage) -> None:
        await stage.user.start()
        await asyncio.sleep(60)
        await stage.user.settle()

    stage = played(story)
    assert set(stage.counts) == {"started", "joined", "sent", "delivered"}
    assert 55 <= stage.counts["sent"] == stage.counts["delivered"] <= 61
    durations = stage.measure.tally.durations
    assert durations["connect"].count == durations["join"].count == 1
    assert 0.0 < durations["delivery"].max_s < 1.0


def test_a_message_is_timed_from_when_it_was_due() -> None:
    """A message that waited for its channel was slow to the person who waited for it."""

    async def story(stage: Stage) -> None:
        await stage.user.start()
        await asyncio.sleep(5)
        await stage.server.stop()
        await asyncio.sleep(3)
        await stage.server.start("server", 4000)
        await asyncio.sleep(12)
        await stage.user.settle()

    stage = played(story)
    assert stage.measure.tally.durations["delivery"].max_s > 1.0


def test_a_lost_connection_is_counted_with_how_long_it_took_to_return() -> None:
    async def story(stage: Stage) -> None:
        await stage.user.start()
        await asyncio.sleep(5)
        await stage.server.close_connections(1012)
        await asyncio.sleep(40)
        await stage.user.settle()

    stage = played(story)
    assert stage.counts["disconnected"] == 1
    reconnect = stage.measure.tally.durations["reconnect"]
    assert reconnect.count == 1
    assert reconnect.max_s > 0.0
    (row,) = [row for row in stage.rows if row.name == "disconnect"]
    assert row.response_s is None, "a failure of 0 ms would flatter the others"


def test_what_was_written_and_never_came_back_is_lost() -> None:
    async def story(stage: Stage) -> None:
        await stage.user.start()
        await asyncio.sleep(5)
        stage.server.mute(True)
        await asyncio.sleep(3)
        await stage.user.settle()

    stage = played(story)
    assert stage.counts["lost"] >= 2
    assert stage.counts["sent"] == stage.counts["delivered"] + stage.counts["lost"]


def test_what_the_client_gave_up_is_unsent_and_not_lost() -> None:
    """The client never wrote it, and said so: that is no lie, but no delivery either."""

    async def story(stage: Stage) -> None:
        await stage.user.start()
        await asyncio.sleep(5)
        await stage.server.stop()
        await asyncio.sleep(15)
        await stage.user.settle()

    stage = played(story)
    assert stage.counts["unsent"] >= 4
    reasons = stage.measure.tally.reasons
    assert reasons["unsent: expired"] == stage.counts["unsent"]


def test_a_message_that_comes_twice_is_counted() -> None:
    """A stranger on the channel repeats what the user sent, as a broken server might."""

    async def story(stage: Stage) -> None:
        await stage.user.start()
        await asyncio.sleep(3)
        repeat: list[Any] = []
        async with ConnectionManager(stage.target.url, apikey=stage.target.apikey) as stranger:
            channel = stranger.subscribe(
                "load/1",
                on_broadcast=lambda _, payload: repeat.append(payload),
                config=ChannelConfig(ack=True),
            )
            await channel.joined(timeout_s=10)
            await asyncio.sleep(3)
            assert (await channel.broadcast("load", repeat[0])).outcome == "acked"
        await stage.user.settle()

    assert played(story).counts["duplicated"] == 1


def test_a_user_that_never_joined_settles_at_once() -> None:
    async def story(stage: Stage) -> None:
        await stage.server.stop()
        await stage.user.start()
        await asyncio.sleep(5)
        began_s = asyncio.get_running_loop().time()
        await stage.user.settle()
        assert asyncio.get_running_loop().time() - began_s < 1.0

    stage = played(story)
    assert "joined" not in stage.counts
    assert "sent" not in stage.counts
    assert stage.counts["undialled"] >= 1


def test_a_closed_user_leaves_no_task_behind() -> None:
    left: list[int] = []

    async def story(stage: Stage) -> None:
        before = len(asyncio.all_tasks())
        await stage.user.start()
        await asyncio.sleep(5)
        await stage.user.settle()
        await stage.user.close()
        await asyncio.sleep(2)
        left.append(len(asyncio.all_tasks()) - before)

    played(story)
    assert left == [0]


def test_a_crew_settles_once_however_often_it_is_told() -> None:
    """Ctrl-C reaches a worker and its master at the same time."""

    async def story(stage: Stage) -> None:
        plan = Plan(stage.target, period_s=1.0, seed=1, process=0, topic="load/x")
        crew = Crew(plan, stage.rows.append)
        for number in range(5):
            await crew.start(number)
        await asyncio.sleep(10)
        await crew.leave(4)
        one, other = await asyncio.gather(crew.settle(), crew.settle())
        assert one == other == await crew.snapshot()
        assert one["counts"]["joined"] == 5
        assert one["counts"]["settled"] == 1
        assert one["counts"]["sent"] == one["counts"]["delivered"] >= 40
        await crew.start(9)
        assert (await crew.snapshot())["counts"]["started"] == 5, "nobody starts after the end"
        await asyncio.sleep(1)
        assert not stage.server.membership()

    played(story)
