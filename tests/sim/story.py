"""A story with everything in it, told by seed: `python -m tests.sim.story 20` prints its digests.

A minimal Phoenix server, plain `websockets` clients that reconnect, the unmodified `realtime`
client, and a fault of every kind drawn by the seed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import uuid
from contextlib import suppress
from typing import Any

from realtime import AsyncRealtimeClient
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import WebSocketException

from harness.entropy import substream
from harness.sim import Link, SimLoop, run
from harness.toxics import Bandwidth, Latency, Slicer

PORT = 4000
DURATION_S = 180


async def phoenix(connection: ServerConnection) -> None:
    """Answer every push with ok (V1 objects), and send broadcasts back to their sender."""
    async for text in connection:
        message: dict[str, Any] = json.loads(text)
        if message["event"] == "broadcast":
            await connection.send(json.dumps({**message, "ref": None}))
            continue
        reply = {
            "topic": message["topic"],
            "event": "phx_reply",
            "payload": {"status": "ok", "response": {}},
            "ref": message["ref"],
        }
        await connection.send(json.dumps(reply))


async def tell(number: int) -> None:
    """Broadcast at intervals, and reconnect at once."""
    while True:
        with suppress(OSError, WebSocketException):
            async with connect(f"ws://server:{PORT}/socket", open_timeout=5) as connection:
                while True:
                    payload = {"id": str(uuid.uuid4()), "from": number}
                    message = {"topic": "t", "event": "broadcast", "payload": payload, "ref": None}
                    await connection.send(json.dumps(message))
                    await asyncio.wait_for(connection.recv(), 20)
                    await asyncio.sleep(random.uniform(0.5, 2))
        await asyncio.sleep(0.1)


async def listen(received: list[str]) -> None:
    client = AsyncRealtimeClient(f"ws://server:{PORT}/realtime/v1", "key", max_retries=100)
    await client.connect()
    channel = client.channel("room")
    channel.on_broadcast("said", lambda payload: received.append(payload["event"]))
    await channel.subscribe()
    while True:
        await asyncio.sleep(3)
        await channel.send_broadcast("said", {"id": str(uuid.uuid4())})


async def break_things(loop: SimLoop, rng: random.Random) -> None:
    net = loop.net
    while True:
        await asyncio.sleep(rng.uniform(1, 8))
        match rng.randrange(8):
            case 0:
                net.cut(up=rng.random() < 0.7, down=True)
                await asyncio.sleep(rng.uniform(1, 10))
                net.heal()
            case 1:
                net.half_open()
            case 2:
                net.reset_all()
            case 3:
                net.refuse(True)
                net.reset_all()
                await asyncio.sleep(2)
                net.refuse(False)
            case 4:
                net.swallow_syn(True)
                net.reset_all()
                await asyncio.sleep(4)
                net.swallow_syn(False)
            case 5:
                net.up = Link(latency_s=rng.uniform(0, 0.3), loss=0.1)
            case 6:
                for name, toxic in (("slow", Latency(500, 400)), ("thin", Bandwidth(10))):
                    net.add_toxic(name, toxic, toxicity=0.5)
                net.add_toxic("sliced", Slicer(30, 10, 1000), "upstream")
                await asyncio.sleep(10)
                for name in ("slow", "thin", "sliced"):
                    net.remove_toxic(name)
            case _:
                net.dns_fails(True)
                net.reset_all()
                await asyncio.sleep(1)
                net.dns_fails(False)


def digest(seed: int) -> str:
    """Tell the story once: how many broadcasts `realtime` heard, and the hash of the wire."""
    received: list[str] = []

    async def main(loop: SimLoop) -> str:
        async with serve(phoenix, "server", PORT, ping_interval=10, ping_timeout=10):
            with suppress(TimeoutError):
                async with asyncio.timeout(DURATION_S), asyncio.TaskGroup() as group:
                    for number in range(3):
                        group.create_task(tell(number))
                    group.create_task(listen(received))
                    group.create_task(break_things(loop, substream(seed, "faults")))
        return loop.trace.digest()

    wire = run(main, seed=seed, limit_s=3600)
    return f"{len(received)} {wire}"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for seed in range(int(sys.argv[1])):
        print(digest(seed))
