"""One direction of a connection: order, room, and what a cut leaves."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from harness.sim import Link, SimLoop
from harness.sim.pipe import BUFFER_BYTES, SEGMENT_BYTES_MAX
from harness.toxics import Bandwidth, Latency, LimitData
from tests.sim.echo import Pair, Recorder, play

KIB = 1024


def test_bytes_stay_in_order_however_the_delays_are_drawn() -> None:
    """Packets that catch up arrive at the same instant, and timers of one instant have no order."""

    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.up = Link(latency_s=0.05, jitter_s=0.05, loss=0.2)
        sent = bytes(number % 251 for number in range(2000))
        for at in range(0, 2000, 2):
            client.transport.write(sent[at : at + 2])
            if at % 50 == 0:
                await asyncio.sleep(0.001)
        await asyncio.sleep(60)
        assert server.received == sent
        assert any(one == other for one, other in pairwise(server.arrivals_s))

    play(body)


def test_order_holds_when_conditions_change_in_the_middle() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.up = Link(latency_s=5)
        client.transport.write(b"slow ")
        loop.net.up = Link(latency_s=0.001)
        client.transport.write(b"fast")
        await asyncio.sleep(10)
        assert server.received == b"slow fast"

    play(body)


def test_a_long_write_arrives_in_segments() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        client.transport.write(bytes(3 * SEGMENT_BYTES_MAX + 1))
        await asyncio.sleep(1)
        assert len(server.arrivals_s) == 4
        assert server.received_bytes == 3 * SEGMENT_BYTES_MAX + 1

    play(body)


def test_a_reader_that_does_not_read_fills_the_sockets_and_then_the_writer() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        server.transport.pause_reading()
        sizes = []
        for _ in range(12):
            client.transport.write(bytes(64 * KIB))
            await asyncio.sleep(1)
            sizes.append(client.transport.get_write_buffer_size())
        assert sizes[: BUFFER_BYTES // (64 * KIB)] == [0, 0, 0, 0]
        assert sizes[-1] == 12 * 64 * KIB - BUFFER_BYTES
        assert client.events == ["made", "paused"]
        server.transport.resume_reading()
        await asyncio.sleep(1)
        assert client.events == ["made", "paused", "resumed"]
        assert server.received_bytes == 12 * 64 * KIB

    play(body)


def test_a_cut_fills_the_writer_too() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, _ = await pair.dial()
        loop.net.cut()
        for _ in range(12):
            client.transport.write(bytes(64 * KIB))
        await asyncio.sleep(1)
        assert client.transport.get_write_buffer_size() == 12 * 64 * KIB - BUFFER_BYTES
        assert client.events == ["made", "paused"]

    play(body)


def test_a_toxic_that_stalls_pushes_the_writer_back() -> None:
    """As Toxiproxy, which stops reading: its toxics do not hold without a bound."""

    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("stall", Bandwidth(rate=0), "upstream")
        for _ in range(20):
            client.transport.write(bytes(64 * KIB))
            await asyncio.sleep(0.1)
        assert client.events == ["made", "paused"]
        assert server.received == b""
        loop.net.remove_toxic("stall")
        await asyncio.sleep(1)
        assert server.received_bytes == 20 * 64 * KIB
        assert client.events == ["made", "paused", "resumed"]

    play(body)


def test_a_fin_waits_behind_what_a_toxic_holds() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("slow", Latency(latency=5000), "upstream")
        client.transport.write(b"last words")
        client.transport.close()
        await asyncio.sleep(4)
        assert (server.received, server.events) == (b"", ["made"])
        await asyncio.sleep(4)
        assert server.received == b"last words"
        assert server.events == ["made", "eof", "lost(NoneType, None)"]

    play(body)


def test_data_sent_to_a_proxy_that_has_closed_is_answered_with_a_reset() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.up = Link(latency_s=1, jitter_s=0)
        loop.net.add_toxic("limit", LimitData(bytes=0))
        listening = Recorder(keeps_half_open=True)
        server.transport.set_protocol(listening)
        speaking = Recorder(keeps_half_open=True)
        client.transport.set_protocol(speaking)
        client.transport.write(b"on its way")
        server.transport.write(b"closes it")
        await asyncio.sleep(5)
        assert (speaking.received, listening.received) == (b"", b"")
        client.transport.write(b"the write that meets the reset")
        await asyncio.sleep(5)
        assert speaking.events == ["eof", "lost(BrokenPipeError, 32)"]

    play(body)
