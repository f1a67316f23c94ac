"""The relay hands everything on, and takes down what passes; no key is among it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.stories.frames import PING, TEXT, Frame, Stream
from tests.stories.relay import Relay

JOIN = '["1","1","realtime:room","phx_join",{"access_token":"secret"}]'
PROBE = '[null,null,"realtime:room","broadcast",{"event":"probe","payload":{"n":1}}]'
NUMBERED = '[null,null,"realtime:room","broadcast",{"event":"n","payload":{"seq":1}}]'


@dataclass
class Scene:
    relay: Relay
    told: list[tuple[str, Any]]
    url: str

    def whats(self) -> list[str]:
        return [what for what, _ in self.told]


@asynccontextmanager
async def relayed(port: int | None = None, upgrade_s: float = 0.0) -> AsyncIterator[Scene]:
    """A relay before an echoing server; with a port, before whatever is there."""

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    told: list[tuple[str, Any]] = []
    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        upstream = port or next(iter(server.sockets)).getsockname()[1]
        relay = Relay(lambda who, what, data: told.append((what, data)), upstream, upgrade_s)
        await relay.start()
        try:
            yield Scene(relay, told, f"ws://127.0.0.1:{relay.port}/?apikey=secret")
        finally:
            await relay.stop()


@pytest.mark.asyncio
async def test_what_passes_is_handed_on_and_counted() -> None:
    async with relayed() as scene:
        async with connect(scene.url) as socket:
            for message in (JOIN, PROBE, NUMBERED):
                await socket.send(message)
                assert await socket.recv() == message
        assert (scene.relay.joins, scene.relay.probed) == ({"room": 1}, {"room"})
        counts = {"tcp_reaching_server_side": 1, "upgrade_requests": 1, "101": 1}
        assert scene.relay.counts == counts
        assert scene.told[0] == (
            "upgrade request",
            {"conn": 1, "line": "GET /?apikey=… HTTP/1.1"},
        )
        assert "secret" not in str([data for what, data in scene.told if what != "frame s2c"])


@pytest.mark.asyncio
async def test_a_server_that_refuses_becomes_accept_then_close() -> None:
    async with relayed(port=1) as scene:
        with pytest.raises(Exception, match="did not receive a valid HTTP response"):
            await connect(scene.url)
        assert scene.whats() == ["tcp connect refused"]
        assert scene.relay.counts == {"tcp_reaching_server_side": 1}


@pytest.mark.asyncio
async def test_live_connections_can_be_ended_and_new_ones_closed_at_once_for_a_while() -> None:
    async with relayed() as scene:
        socket = await connect(scene.url)
        scene.relay.accept_then_close(for_s=0.3)
        scene.relay.close_connections()
        with pytest.raises(Exception, match="no close frame received"):
            await socket.recv()
        with pytest.raises(Exception, match="did not receive a valid HTTP response"):
            await connect(scene.url)
        await asyncio.sleep(0.35)
        async with connect(scene.url) as again:
            await again.send("x")
            assert await again.recv() == "x"


@pytest.mark.asyncio
async def test_an_upgrade_takes_as_long_as_it_did_and_nothing_else_does() -> None:
    loop = asyncio.get_running_loop()
    async with relayed(upgrade_s=0.3) as scene:
        before_s = loop.time()
        async with connect(scene.url) as socket:
            opened_s = loop.time()
            assert opened_s - before_s >= 0.3
            for _ in range(10):
                await socket.send("x")
                await socket.recv()
            assert loop.time() - opened_s < 0.3


def test_frames_are_found_however_the_bytes_are_cut() -> None:
    masked = bytes([0x81, 0x85, 1, 2, 3, 4]) + bytes(
        byte ^ key for byte, key in zip(b"hello", (1, 2, 3, 4, 1), strict=True)
    )
    long = bytes([0x81, 126, 1, 0]) + b"x" * 256
    longer = bytes([0x81, 127]) + (70_000).to_bytes(8, "big") + b"y" * 70_000
    data = b"HTTP/1.1 101 Switching\r\na: b\r\n\r\n" + masked + long + bytes([0x89, 0]) + longer
    for size in (1, 7, 1000, len(data)):
        stream = Stream()
        heads, frames = [], []
        for at in range(0, len(data), size):
            heads.append(stream.head(data[at : at + size]))
            frames += list(stream.frames())
        assert [head for head in heads if head] == ["HTTP/1.1 101 Switching"]
        assert frames == [
            Frame(TEXT, b"hello"),
            Frame(TEXT, b"x" * 256),
            Frame(PING, b""),
            Frame(TEXT, b"y" * 70_000),
        ]
