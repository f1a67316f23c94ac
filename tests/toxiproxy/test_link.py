"""Connections through the proxy, over real sockets: what arrives, how it ends, who waits."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from typing import Any

import pytest

from harness.toxiproxy.link import LINGER_0
from tests.toxiproxy.wire import Wire, connected, echo, running, upstream

STUCK_BYTES = 64 << 20
"""More than the sockets, the transports and a full latency toxic can hold."""

DELAYS_MS = {"latency": {"latency": 20}, "slow_close": {"delay": 20}}


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 16):
        pass


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(STUCK_BYTES >> 16):
        writer.write(bytes(1 << 16))
        await writer.drain()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "toxic",
    [
        None,
        ("noop", {}),
        ("latency", {"latency": 20, "jitter": 20}),
        ("bandwidth", {"rate": 20_000}),
        ("slicer", {"average_size": 1000, "size_variation": 500, "delay": 1}),
        ("slicer", {}),
        ("slow_close", {"delay": 50}),
        ("limit_data", {"bytes": 1 << 30}),
    ],
    ids=str,
)
async def test_bytes_are_intact_both_ways(toxic: tuple[str, dict[str, int]] | None) -> None:
    payload = random.Random(1).randbytes(2_000_000)
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        if toxic:
            for stream in ("upstream", "downstream"):
                await wire.toxic(toxic[0], stream, **toxic[1])
        async with connected(through) as (reader, writer):
            writer.write(payload)
            got = await reader.readexactly(len(payload))
    assert hashlib.sha256(got).digest() == hashlib.sha256(payload).digest()


@pytest.mark.asyncio
async def test_a_stuck_client_keeps_nobody_waiting() -> None:
    """The original deadlocks for good when a toxic changes while one client does not read."""
    async with upstream(flood) as port, running() as wire:
        through = await wire.proxy(port)
        async with connected(through):
            await asyncio.sleep(0.2)  # let every buffer on the way fill
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            await wire.toxic("latency", latency=1)
            await wire.toxic("bandwidth", rate=1)
            path = "/proxies/p/toxics/latency_downstream"
            await wire.ok("PATCH", path, {"attributes": {"latency": 2}})
            await wire.ok("DELETE", path)
            assert list(await wire.ok("GET", "/proxies")) == ["p"]
            await wire.ok("POST", "/reset")
            await wire.ok("PATCH", "/proxies/p", {"enabled": False})
            await wire.ok("DELETE", "/proxies/p")
            assert loop.time() - began_s < 2.0


@pytest.mark.asyncio
async def test_a_sender_is_held_back_by_a_stuck_reader() -> None:
    sent = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    async with upstream(count) as port, running() as wire, connected(await wire.proxy(port)):
        held = -1
        while sent == 0 or held < sent < STUCK_BYTES:
            held = sent
            await asyncio.sleep(0.5)
        assert 0 < sent < STUCK_BYTES


@pytest.mark.asyncio
async def test_latency_delays_and_its_removal_flushes() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        await wire.toxic("latency", latency=60_000)
        async with connected(through) as (reader, writer):
            writer.write(b"held")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(9), 0.2)
            await wire.ok("DELETE", "/proxies/p/toxics/latency_downstream")
            assert await reader.read(9) == b"held"


@pytest.mark.asyncio
async def test_a_reset_lets_go_in_order_of_what_every_toxic_holds() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        await wire.toxic("bandwidth", "upstream", rate=0)
        async with connected(through) as (reader, writer):
            writer.write(b"before the first, ")
            await asyncio.sleep(0.05)
            await wire.toxic("latency", "upstream", latency=60_000)
            writer.write(b"before both, ")
            await wire.toxic("slicer", "downstream", average_size=1, delay=0)
            await asyncio.sleep(0.05)
            await wire.ok("POST", "/reset")
            writer.write(b"after")
            writer.write_eof()
            assert await reader.read() == b"before the first, before both, after"
            assert (await wire.ok("GET", "/proxies"))["p"]["toxics"] == []


@pytest.mark.asyncio
async def test_a_toxic_reaches_live_connections() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        async with connected(through) as (reader, writer):
            writer.write(b"a")
            assert await reader.read(9) == b"a"
            await wire.toxic("limit_data", bytes=2)
            writer.write(b"bcd")
            assert await reader.read() == b"bc"


@pytest.mark.asyncio
async def test_timeout_swallows_and_its_removal_closes() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        await wire.toxic("timeout")
        async with connected(through) as (reader, writer):
            writer.write(b"lost")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(9), 0.2)
            await wire.ok("POST", "/reset")
            assert await reader.read() == b""


@pytest.mark.asyncio
async def test_timeout_closes_an_idle_connection() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        await wire.toxic("timeout", timeout=100)
        async with connected(through) as (reader, _):
            assert await reader.read() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize("live", [False, True])
async def test_reset_peer_resets_both_sides(live: bool) -> None:
    """Also connections that were live before it: the original sends them a FIN."""
    seen: asyncio.Queue[Any] = asyncio.Queue()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                writer.write(data)
            seen.put_nowait("FIN")
        except ConnectionResetError:
            seen.put_nowait("RST")

    async with upstream(watch) as port, running() as wire:
        through = await wire.proxy(port)
        if not live:
            await wire.toxic("reset_peer")
        async with connected(through) as (reader, writer):
            if live:
                writer.write(b"a")
                assert await reader.read(9) == b"a"
                await wire.toxic("reset_peer")
            writer.write(b"b")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            assert await seen.get() == "RST"


@pytest.mark.asyncio
async def test_a_closing_clients_held_data_still_arrives() -> None:
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.read(-1))

    async with upstream(keep) as port, running() as wire:
        through = await wire.proxy(port)
        await wire.toxic("latency", "upstream", latency=150)
        async with connected(through) as (_, writer):
            writer.write(b"last words")
        assert await asyncio.wait_for(arrived, 5) == b"last words"


@pytest.mark.asyncio
@pytest.mark.parametrize("toxic", [None, "latency", "slow_close", "slicer"])
async def test_a_half_close_is_carried(toxic: str | None) -> None:
    """The original closes both ways, and the reply after a client's shutdown is lost."""
    asked = asyncio.get_running_loop().create_future()

    async def reply_at_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set_result(await reader.read(-1))
        await asyncio.sleep(0.1)
        writer.write(b"reply")

    async with upstream(reply_at_end) as port, running() as wire:
        through = await wire.proxy(port)
        if toxic:
            for stream in ("upstream", "downstream"):
                await wire.toxic(toxic, stream, **DELAYS_MS.get(toxic, {}))
        async with connected(through) as (reader, writer):
            writer.write(b"request")
            writer.write_eof()
            assert await reader.read() == b"reply"
        assert await asked == b"request"
        await gone(wire)


@pytest.mark.asyncio
async def test_a_servers_half_close_is_carried() -> None:
    said = asyncio.get_running_loop().create_future()

    async def shut_then_listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        said.set_result(await reader.read(-1))

    async with upstream(shut_then_listen) as port, running() as wire:
        async with connected(await wire.proxy(port)) as (reader, writer):
            assert await reader.read() == b""
            writer.write(b"still here")
            writer.write_eof()
            assert await said == b"still here"
        await gone(wire)


@pytest.mark.asyncio
async def test_a_server_that_never_closes_loses_a_client_that_is_gone() -> None:
    """The client's end was carried as a half-close; what it can no longer get ends the rest."""
    lost = asyncio.Event()

    async def talk_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        try:
            while True:
                writer.write(b"still there?")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            lost.set()

    async with upstream(talk_on) as port, running() as wire:
        async with connected(await wire.proxy(port)) as (_, writer):
            writer.write(b"x")
        await asyncio.wait_for(lost.wait(), 5)
        await gone(wire)


@pytest.mark.asyncio
async def test_a_clients_reset_reaches_the_server_as_an_end() -> None:
    ended = asyncio.Event()

    async def until_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await swallow(reader, writer)
        ended.set()

    async with upstream(until_end) as port, running() as wire:
        through = await wire.proxy(port)
        async with connected(through) as (_, writer):
            writer.write(b"a")
            await asyncio.sleep(0.1)
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0
            )
            writer.transport.abort()
            await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.asyncio
async def test_a_refused_upstream_closes_the_client() -> None:
    async with upstream(echo) as port:
        pass
    async with running() as wire, connected(await wire.proxy(port)) as (reader, _):
        assert await reader.read() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize("nonsense", ["rubbish", "", "127.0.0.1:http-but-not", "127.0.0.1:99999"])
async def test_an_upstream_that_is_no_address_closes_the_client(nonsense: str) -> None:
    """Upstreams are not checked when a proxy is made."""
    async with running() as wire:
        through = await wire.proxy(9)
        await wire.ok("PATCH", "/proxies/p", {"upstream": nonsense})
        async with connected(through) as (reader, _):
            assert await reader.read() == b""


@pytest.mark.asyncio
async def test_what_a_client_sends_before_the_upstream_answers_arrives() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        async with connected(through) as (reader, writer):
            writer.write(b"early")
            assert await reader.readexactly(5) == b"early"


@pytest.mark.asyncio
async def test_disabling_ends_live_connections_and_refuses_new_ones() -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        async with connected(through) as (reader, writer):
            writer.write(b"a")
            assert await reader.read(9) == b"a"
            await wire.ok("PATCH", "/proxies/p", {"enabled": False})
            assert await reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", through)
        await wire.ok("PATCH", "/proxies/p", {"enabled": True})
        async with connected(through) as (reader, writer):
            writer.write(b"b")
            assert await reader.read(9) == b"b"


async def affected(wire: Wire, through: int, count: int = 40) -> list[bool]:
    """Which of so many connections, one after the other, a `limit_data 0` closes."""
    closed = []
    for _ in range(count):
        async with connected(through) as (reader, writer):
            writer.write(b"x")
            closed.append(await reader.read(1) == b"")
    return closed


@pytest.mark.asyncio
async def test_toxicity_chooses_connections_and_a_seed_chooses_the_same_again() -> None:
    """The original's seed has no effect."""
    runs = []
    for seed in (1, 1, 2):
        async with upstream(echo) as port, running(seed) as wire:
            through = await wire.proxy(port)
            await wire.ok("POST", "/proxies/p/toxics", {"type": "limit_data", "toxicity": 0.5})
            runs.append(await affected(wire, through))
    assert runs[0] == runs[1] != runs[2]
    assert 8 < sum(runs[0]) < 32


@pytest.mark.asyncio
async def test_no_connection_is_forgotten_or_kept() -> None:
    """Every link ends in the proxy's books when both of its sockets have."""
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        await affected(wire, through, 20)
        await gone(wire)


async def gone(wire: Wire) -> None:
    """Wait until the proxy has no connection left."""
    proxy = wire.server.proxies.get("p")
    async with asyncio.timeout(5):
        while proxy.connections:  # noqa: ASYNC110 (there is no event for the last one)
            await asyncio.sleep(0.01)
