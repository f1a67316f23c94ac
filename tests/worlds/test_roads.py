"""Names that only the world's loop knows: who reaches what by them, and how both can fail."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.clients.program import Program
from harness.clients.registry import load_client
from harness.nemesis import CannotExpress
from harness.worlds import roads
from harness.worlds.roads import Road, RoadLoop
from harness.worlds.wire import WireWorld
from harness.worlds.world import Env
from tests.servers import make_server

COHORTS = (("hit",), ("spared",))


@pytest.fixture(scope="module")
def world() -> Iterator[WireWorld]:
    made = WireWorld(make_server)
    yield made
    made.close()


def play(world: WireWorld, story: Callable[[Env], Coroutine[Any, Any, Any]]) -> list[str]:
    """What became of each connect of a story."""
    dials: list[str] = []

    def narrate(process: str, f: str, value: Mapping[str, Any]) -> None:
        if (process, f) == ("network", "dial"):
            dials.append(value["outcome"])

    world.play(story, 1, narrate, COHORTS)
    return dials


async def dial(url: str) -> None:
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.transport.abort()


def test_what_becomes_of_each_connect_is_told(world: WireWorld) -> None:
    async def story(env: Env) -> None:
        url = env.url("hit")
        await dial(url)
        async with env.levers.network.refuse(("hit",)):
            with pytest.raises(ConnectionRefusedError):
                await dial(url)
        async with env.levers.network.dns_failure(("hit",)):
            with pytest.raises(socket.gaierror) as failed:
                await dial(url)
            assert failed.value.errno == socket.EAI_AGAIN
            await dial(env.url("spared"))

    assert play(world, story) == ["accepted", "refused", "lost", "accepted"]


def test_a_stalled_connect_is_lost_first_and_accepted_after_the_heal(world: WireWorld) -> None:
    async def story(env: Env) -> None:
        async with env.levers.network.stall_connects(("hit",)):
            waiting = asyncio.create_task(dial(env.url("hit")))
            await asyncio.sleep(0.2)
            assert not waiting.done()
        await waiting

    assert play(world, story) == ["lost", "accepted"]


def test_who_gives_up_on_a_stalled_connect_leaves_nothing(world: WireWorld) -> None:
    async def story(env: Env) -> None:
        async with env.levers.network.stall_connects(("hit",)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await dial(env.url("hit"))

    assert play(world, story) == ["lost"]


def test_a_stalled_connect_fails_when_tcp_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 127 s, of which these are thousandths."""
    monkeypatch.setattr(roads, "SYN_AGAIN_S", 0.001)
    told: list[str] = []
    road = Road("127.0.0.1", told.append, swallows_syn=True)
    began_s = time.monotonic()
    with pytest.raises(TimeoutError) as failed:
        asyncio.run(road.send_syn())
    assert failed.value.errno == errno.ETIMEDOUT
    assert time.monotonic() - began_s >= 0.127
    assert told == ["lost"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["manager", "realtime_py"])
def test_clients_as_they_ship_resolve_by_the_loop(world: WireWorld, name: str) -> None:
    async def story(env: Env) -> None:
        client = load_client(name)(Random(1))
        async with env.levers.network.dns_failure(("hit",)):
            opening = asyncio.create_task(client.open(env.url("hit"), "hit"))
            await asyncio.sleep(0.3)
        await asyncio.gather(opening, return_exceptions=True)
        await client.close()

    assert play(world, story)[0] == "lost"


def test_a_program_is_given_an_address_and_its_faults_are_told_apart(world: WireWorld) -> None:
    """What it resolves and connects, no loop of ours hears of."""

    async def story(env: Env) -> None:
        program = Program(["true"], Random(1))
        assert urlsplit(env.url_for(program, "spared")).hostname == "127.0.0.1"
        assert str(urlsplit(env.url("hit")).hostname).endswith(".localhost")
        for lever in (env.levers.network.dns_failure, env.levers.network.stall_connects):
            with pytest.raises(CannotExpress, match="spared is a program of its own"):
                async with lever(None):
                    pass
            async with lever(("hit",)):
                pass

    play(world, story)


def test_a_name_is_forgotten_with_its_story() -> None:
    """A story's names lead nowhere once it is over; other names go to the machine's resolver."""
    told: list[str] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, RoadLoop)
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with loop.knows({"mine.localhost": Road("127.0.0.1", told.append)}):
            await dial(f"ws://mine.localhost:{port}")
            assert told == ["accepted"]
            await dial(f"ws://localhost:{port}")
        told.clear()
        await dial(f"ws://127.0.0.1:{port}")
        with suppress(OSError):  # Where the machine itself knows no such name.
            await dial(f"ws://mine.localhost:{port}")
        assert told == []
        server.close()

    with asyncio.Runner(loop_factory=RoadLoop) as runner:
        runner.run(story())
