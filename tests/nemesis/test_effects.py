"""Each fault does at a socket what it says, hits whom it should, and is gone after the heal."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from urllib.parse import urlsplit

import pytest

from fake_server import FakeServer, ServerConfig
from harness.nemesis import FAULTS, Fault
from harness.worlds.sim import SimWorld
from harness.worlds.wire import WireWorld
from harness.worlds.world import Env, OnTruth, World
from tests.fake_server.test_feed_levers import SCHEMA
from tests.nemesis.effects import EFFECTS, SOON_S, well
from tests.nemesis.finds import AT_THE_SOCKET
from tests.nemesis.stage import COHORTS, VICTIM, stage

AT_ONCE = 12
"""How many faults strike side by side over real sockets."""


def make_server(on_truth: OnTruth, clock: Callable[[], float], rng: Random) -> FakeServer:
    """A server with tables, whose feed is up at once."""
    config = ServerConfig(schema=SCHEMA, database_cold_s=0.0)
    return FakeServer(config, on_truth, clock=clock, rng=rng)


def fault(name: str) -> Fault:
    kind, shown = FAULTS[name], EFFECTS[name]
    return Fault(name, after_s=0, for_s=5 if kind.lasts else None, **shown.parameters)


async def strike(env: Env, name: str) -> str:
    """Strike, look, heal, look again; what was wrong, or nothing."""
    async with stage(env, fault(name), talk=EFFECTS[name].talk) as one:
        await EFFECTS[name].effect(one)
        if one.kind.can_choose:
            assert not one.bystander.ended, "the bystander was hit"
            assert await one.bystander.heartbeat_s(SOON_S), "the bystander was hit"
            assert await one.bystander.hears(SOON_S), "the bystander was hit"
        await one.heal()
        if "hits" in one.kind.felt_by:
            assert one.hits, "the server counted nothing"
        await well(one)
    return ""


def play(world: World, name: str) -> str:
    async def story(env: Env) -> str:
        return await strike(env, name)

    try:
        return world.play(story, 1, lambda *_: None, COHORTS)
    except BaseException:
        return traceback.format_exc()


def in_world(world: str) -> list[str]:
    """The faults of the network and the server that make sense there."""
    return [name for name in AT_THE_SOCKET if world not in FAULTS[name].elsewhere]


def test_every_fault_is_shown() -> None:
    """One of the `packets` world alone is shown there, in `tests/worlds/test_packets.py`."""
    assert sorted(EFFECTS) == sorted({*in_world("sim"), *in_world("wire")})


@pytest.mark.parametrize("name", in_world("sim"))
def test_a_fault_shows_in_simulation_and_heals(name: str) -> None:
    assert play(SimWorld(make_server), name) == ""


@pytest.fixture(scope="module")
def wire() -> Iterator[dict[str, Future[str]]]:
    """Every fault at once, each with a server and proxies of its own."""
    world = WireWorld(make_server)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(play, world, name) for name in in_world("wire")}
    world.close()


@pytest.mark.parametrize("name", in_world("wire"))
def test_a_fault_shows_over_real_sockets_and_heals(name: str, wire: dict[str, Future[str]]) -> None:
    assert wire[name].result(timeout=100) == ""


async def _status(env: Env, path: str) -> int:
    """The status of one request of the victim's."""
    url = urlsplit(env.url(VICTIM))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"GET {path}?{url.query} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n".encode()
    )
    words = (await asyncio.wait_for(reader.readline(), SOON_S)).split()
    writer.close()
    return int(words[1])


async def _requests(env: Env) -> list[list[int]]:
    refused = Fault("http", after_s=0, for_s=5, path="/rest/v1/*", status=429)
    asked = "/rest/v1/todos", "/auth/v1/health"
    async with stage(env, refused) as one:
        before = [await _status(env, path) for path in asked]
        await one.start()
        meanwhile = [await _status(env, path) for path in asked]
        assert await one.dial() == "ok", "an upgrade was refused"
        await one.heal()
        assert one.hits == 1
        return [before, meanwhile, [await _status(env, path) for path in asked]]


@pytest.mark.parametrize("make", [SimWorld, WireWorld])
def test_requests_for_a_path_are_refused_and_nothing_else(make: Callable[..., World]) -> None:
    world = make(make_server)
    try:
        before, meanwhile, after = world.play(_requests, 1, lambda *_: None, COHORTS)
    finally:
        world.close()
    assert meanwhile == [429, before[1]]
    assert before == after
    assert 429 not in before
