"""65,535 chunks of two bytes arrive whole and in order while toxics come, change and go."""

from __future__ import annotations

import asyncio
import struct
from itertools import cycle
from typing import Any

import pytest

from tests.toxiproxy.virtual import World, virtually
from tests.toxiproxy.wire import Wire, connected, running, upstream

COUNT = 65_535
PAYLOAD = struct.pack(f">{COUNT}H", *range(COUNT))
AT_ONCE = 128
"""Chunks that are sent before others get a turn."""

TOXICS: list[dict[str, Any]] = [
    {"type": "latency", "attributes": {"latency": 3, "jitter": 3}},
    {"type": "bandwidth", "attributes": {"rate": 400}},
    {"type": "slicer", "attributes": {"average_size": 1, "delay": 10}},
    {"type": "slow_close", "attributes": {"delay": 5}},
    {"type": "limit_data", "attributes": {"bytes": 1 << 30}},
    {"type": "latency", "toxicity": 0.5, "attributes": {"latency": 2}},
]


def test_in_virtual_time() -> None:
    async def story(world: World) -> tuple[bytes, int]:
        client = await world.client()
        server = world.upstreams[-1]
        sending = asyncio.create_task(_send_virtually(client.send))
        changes = 0
        for number, toxic in enumerate(cycle(TOXICS)):
            if sending.done():
                break
            name = f"t{number % 3}"
            asked = {**toxic, "name": name, "stream": "upstream"}
            await world.call("POST", "/proxies/p/toxics", asked)
            await asyncio.sleep(0.004)
            await world.update(name, **toxic["attributes"])
            await asyncio.sleep(0.003)
            await world.remove(name)
            changes += 3
        client.transport.write_eof()
        await server.end()
        return server.data, changes

    data, changes = virtually(story)
    assert data == PAYLOAD
    assert changes > 150


async def _send_virtually(send: Any) -> None:
    for at in range(0, len(PAYLOAD), 2):
        send(PAYLOAD[at : at + 2])
        if at % (2 * AT_ONCE) == 0:
            await asyncio.sleep(0.001)


@pytest.mark.asyncio
async def test_on_real_sockets() -> None:
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.read(-1))

    async with upstream(keep) as port, running() as wire:
        async with connected(await wire.proxy(port)) as (_, writer):
            sent = asyncio.Event()
            changing = asyncio.create_task(_change(wire, sent))
            for at in range(0, len(PAYLOAD), 2):
                writer.write(PAYLOAD[at : at + 2])
                if at % (2 * AT_ONCE) == 0:
                    await asyncio.sleep(0.001)
            sent.set()
            assert await changing > 30
            writer.write_eof()
            assert await asyncio.wait_for(arrived, 10) == PAYLOAD
        assert len(PAYLOAD) == 2 * COUNT


async def _change(wire: Wire, sent: asyncio.Event) -> int:
    """Until all is sent; how many changes that were."""
    changes = 0
    for toxic in cycle(TOXICS):
        if sent.is_set():
            break
        asked = {**toxic, "name": "t", "stream": "upstream"}
        await wire.ok("POST", "/proxies/p/toxics", asked)
        await asyncio.sleep(0.004)
        await wire.ok("DELETE", "/proxies/p/toxics/t")
        changes += 2
    return changes
