"""A proxy keeps its toxics, its port and its connections in step."""

from __future__ import annotations

import asyncio

import pytest

from harness.toxiproxy.address import BadAddress
from harness.toxiproxy.proxy import Proxy
from harness.toxiproxy.toxic_record import ToxicRecord
from harness.toxiproxy.traffic import Ledger
from tests.toxiproxy.wire import connected, echo, running, upstream


@pytest.mark.asyncio
async def test_a_move_that_cannot_be_read_changes_nothing() -> None:
    proxy = Proxy("p", "127.0.0.1:0", "127.0.0.1:9", seed=1, ledger=Ledger())
    await proxy.start()
    before = proxy.to_json()
    with pytest.raises(BadAddress):
        await proxy.update("rubbish", "127.0.0.1:10", True)
    after = proxy.to_json()
    proxy.stop()
    assert before == after


@pytest.mark.asyncio
async def test_a_move_to_a_taken_port_leaves_it_disabled_there() -> None:
    taken, proxy = (
        Proxy(name, "127.0.0.1:0", "127.0.0.1:9", seed=1, ledger=Ledger()) for name in "ab"
    )
    await taken.start()
    await proxy.start()
    with pytest.raises(BadAddress, match="already in use"):
        await proxy.update(taken.listen, proxy.upstream, True)
    taken.stop()
    assert (proxy.enabled, proxy.listen) == (False, taken.listen)


@pytest.mark.asyncio
async def test_a_new_upstream_drops_connections_and_keeps_toxics() -> None:
    async with upstream(echo) as old, upstream(echo) as new, running() as wire:
        through = await wire.proxy(old)
        await wire.toxic("noop")
        async with connected(through) as (reader, writer):
            writer.write(b"a")
            assert await reader.read(9) == b"a"
            await wire.ok("PATCH", "/proxies/p", {"upstream": f"127.0.0.1:{new}"})
            assert await reader.read() == b""
        async with connected(through) as (reader, writer):
            writer.write(b"b")
            assert await reader.read(9) == b"b"
        assert len(await wire.ok("GET", "/proxies/p/toxics")) == 1


@pytest.mark.asyncio
async def test_an_update_draws_the_toxicity_anew_for_live_connections() -> None:
    """As recorded: an empty update is enough."""
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        passes = []
        async with connected(through) as (reader, writer):
            stall = {"name": "stall", "type": "bandwidth", "toxicity": 0.5}
            await wire.ok("POST", "/proxies/p/toxics", stall)
            for _ in range(30):
                writer.write(b"x")
                passes.append(await _arrives(reader))
                await wire.ok("PATCH", "/proxies/p/toxics/stall", {})
    assert True in passes
    assert False in passes


async def _arrives(reader: asyncio.StreamReader) -> bool:
    try:
        return bool(await asyncio.wait_for(reader.read(100), 0.03))
    except TimeoutError:
        return False


def test_toxics_are_listed_upstream_first() -> None:
    proxy = Proxy("p", "", "", seed=1, ledger=Ledger())
    for name, stream in (("a", "downstream"), ("b", "upstream"), ("c", "UPSTREAM")):
        proxy.toxics[name] = ToxicRecord(name, "noop", stream, 1.0)
    assert [record.name for record in proxy.ordered_toxics()] == ["b", "c", "a"]
