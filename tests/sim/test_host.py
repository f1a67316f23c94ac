"""Hosts in one loop: what stands still, dies or has a wrong clock is one process and no other."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from harness.sim import Host, SimLoop, run
from harness.sim.pipe import BUFFER_BYTES
from tests.sim.echo import Pair, Recorder, play


async def dial(loop: SimLoop, pair: Pair, host: Host) -> tuple[Recorder, Recorder]:
    """A connection of this host's: its own end, and the server's."""
    return await loop.create_task(pair.dial(), context=host.context())


def spawn(loop: SimLoop, host: Host, body: Callable[[], Awaitable[None]]) -> None:
    """A task of this host's, which nobody here holds."""

    async def runs() -> None:
        await body()

    _ = loop.create_task(runs(), context=host.context())


class Told(asyncio.Protocol):
    """Says what comes."""

    def __init__(self, to: list[str]) -> None:
        self._to = to

    def data_received(self, data: bytes) -> None:
        self._to.append(data.decode())


# Standing still.


def test_a_host_that_is_suspended_does_nothing_and_others_go_on() -> None:
    async def main(loop: SimLoop) -> None:
        ticks: dict[str, list[float]] = {"a": [], "b": []}

        async def tick(name: str) -> None:
            while True:
                await asyncio.sleep(1)
                ticks[name].append(loop.time())

        hosts = {name: loop.make_host(name) for name in ticks}
        for name, host in hosts.items():
            spawn(loop, host, partial(tick, name))
        await asyncio.sleep(2.5)
        hosts["a"].suspend()
        await asyncio.sleep(5)
        assert ticks == {"a": [1, 2], "b": [1, 2, 3, 4, 5, 6, 7]}
        hosts["a"].resume()
        await asyncio.sleep(2)
        assert ticks["a"] == [1, 2, 7.5, 8.5], "one late tick, and no burst"

    run(main)


def test_what_was_put_off_runs_as_in_an_event_loop_that_was_stopped() -> None:
    """The rest of its turn, then what came on its sockets, then its timers as they were due."""

    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        client, server = await dial(loop, pair, host)
        order: list[str] = []
        client.transport.set_protocol(Told(order))
        host.run(loop.call_later, 2, order.append, "second timer")
        host.run(loop.call_later, 1, order.append, "first timer")
        host.run(loop.call_soon, order.append, "ready")
        host.suspend()
        server.transport.write(b"bytes")
        await asyncio.sleep(10)
        assert order == []
        host.resume()
        await asyncio.sleep(0)
        assert order == ["ready", "bytes", "first timer", "second timer"]

    play(body)


def test_the_server_sees_a_slow_reader_whose_kernel_takes_in_no_more_than_it_holds() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        client, server = await dial(loop, pair, host)
        host.suspend()
        blob = bytes(range(256)) * 8192
        server.transport.write(blob)
        await asyncio.sleep(600)
        assert client.received == b""
        held = len(blob) - server.transport.get_write_buffer_size()
        assert BUFFER_BYTES <= held < BUFFER_BYTES + 64 * 1024
        assert server.events == ["made", "paused"]
        host.resume()
        await asyncio.sleep(5)
        assert client.received == blob
        assert server.events == ["made", "paused", "resumed"]

    play(body)


def test_what_a_stopped_host_had_written_and_its_kernel_not_taken_waits_with_it() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        client, server = await dial(loop, pair, host)
        host.run(client.transport.write, bytes(4 * BUFFER_BYTES))
        host.suspend()
        await asyncio.sleep(60)
        kernel_held = server.received_bytes
        assert BUFFER_BYTES <= kernel_held < BUFFER_BYTES + 64 * 1024
        host.resume()
        await asyncio.sleep(60)
        assert server.received_bytes == 4 * BUFFER_BYTES

    play(body)


def test_a_connection_that_ends_meanwhile_is_noticed_afterwards() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        client, server = await dial(loop, pair, host)
        host.suspend()
        server.transport.write(b"last words")
        server.transport.close()
        await asyncio.sleep(60)
        assert client.events == ["made"]
        host.resume()
        await asyncio.sleep(1)
        assert client.received == b"last words"
        assert client.events == ["made", "eof", "lost(NoneType, None)"]

    play(body)


def test_blocking_calls_add_up() -> None:
    async def main(loop: SimLoop) -> None:
        host = loop.make_host("a")
        seen: list[float] = []
        host.run(loop.call_later, 0.1, lambda: seen.append(loop.time()))
        host.stand_for(2)
        host.stand_for(3)
        await asyncio.sleep(4.9)
        assert host.stands
        await asyncio.sleep(0.2)
        assert seen == [5.0]

    run(main)


def test_a_signal_to_stop_outlasts_a_blocking_call_and_the_other_way_round() -> None:
    async def main(loop: SimLoop) -> None:
        host = loop.make_host("a")
        host.stand_for(2)
        host.suspend()
        await asyncio.sleep(3)
        assert host.stands
        host.stand_for(2)
        host.resume()
        assert host.stands
        await asyncio.sleep(2.1)
        assert not host.stands

    run(main)


# Death.


@pytest.mark.parametrize(("unread", "event"), [(b"", "eof"), (b"unread", "lost(Connection")])
def test_the_kernel_closes_what_a_killed_host_had_open(unread: bytes, event: str) -> None:
    """A FIN, or an RST where something is unread."""

    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        client, server = await dial(loop, pair, host)
        host.run(client.transport.write, b"said")
        if unread:
            host.suspend()
            server.transport.write(unread)
            await asyncio.sleep(1)
        host.kill()
        await asyncio.sleep(1)
        assert server.received == b"said"
        assert server.events[1].startswith(event)
        assert client.events == ["made"], "nobody is left to be told"
        assert not host.sockets
        pair.server.close()
        await asyncio.wait_for(pair.server.wait_closed(), 1)

    play(body)


def test_what_a_killed_host_had_not_handed_to_its_kernel_is_lost() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        client, server = await dial(loop, pair, host)
        host.run(client.transport.write, bytes(4 * BUFFER_BYTES))
        host.kill()
        await asyncio.sleep(60)
        assert BUFFER_BYTES <= server.received_bytes < BUFFER_BYTES + 64 * 1024
        assert server.events == ["made", "eof", "lost(NoneType, None)"]

    play(body)


def test_no_finally_of_a_killed_host_runs_while_the_story_lasts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Afterwards its tasks end like all that is left over: no warning, and no hang."""
    ran: list[str] = []

    async def waits(what: Callable[[], Awaitable[None]]) -> None:
        try:
            await what()
        finally:
            ran.append("finally")

    async def never_begun() -> None:
        ran.append("began")

    async def ends_slowly() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(1000)

    async def main(loop: SimLoop) -> list[str]:
        host = loop.make_host("a")
        answer: asyncio.Future[None] = loop.create_future()

        async def asks() -> None:
            await answer

        spawn(loop, host, lambda: waits(lambda: asyncio.sleep(1)))
        spawn(loop, host, lambda: waits(asks))
        spawn(loop, loop.make_host("another"), ends_slowly)
        host.run(loop.call_later, 1, ran.append, "timer")
        host.run(loop.call_later, 150, ran.append, "late timer")
        await asyncio.sleep(0.5)
        spawn(loop, host, never_begun)
        host.run(loop.call_soon, ran.append, "ready")
        answer.set_result(None)
        host.kill()
        gc.collect()
        await asyncio.sleep(100)
        gc.collect()
        return list(ran)

    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        assert run(main) == []
        gc.collect()
    assert ran == ["finally", "finally"]
    assert not [one for one in caplog.records if one.name == "asyncio"]


def test_a_story_may_end_while_a_host_stands_still() -> None:
    ended: list[str] = []

    async def main(loop: SimLoop) -> None:
        async def lasts() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append("cancelled")

        for name in ("suspended", "blocked"):
            host = loop.make_host(name)
            spawn(loop, host, lasts)
            await asyncio.sleep(1)
            if name == "suspended":
                host.suspend()
            else:
                host.stand_for(1e6)

    run(main)
    assert ended == ["cancelled", "cancelled"]


# Clocks.


def test_a_jump_moves_the_timers_of_its_host_and_no_others() -> None:
    async def main(loop: SimLoop) -> None:
        due: dict[str, float] = {}
        hosts = [loop.make_host("right"), loop.make_host("wrong")]
        for host in hosts:
            host.run(loop.call_later, 100, lambda host=host: due.__setitem__(host.name, loop.now_s))
        wrong = hosts[1]
        handle = wrong.run(loop.call_later, 200, lambda: None)
        await asyncio.sleep(10)
        wrong.jump(60)
        assert (loop.time(), wrong.run(loop.time)) == (10, 70)
        assert handle.when() == 200
        await asyncio.sleep(100)
        assert due == {"right": 100, "wrong": 40}
        wrong.jump(-100)
        assert wrong.run(loop.time) == 70
        assert not handle.cancelled()
        await asyncio.sleep(200)
        assert wrong.run(loop.time) == 270

    run(main)


def test_a_timer_that_a_jump_has_passed_is_due_at_once_and_a_jump_back_puts_it_off() -> None:
    async def main(loop: SimLoop) -> None:
        due: list[float] = []
        host = loop.make_host("a")
        host.run(loop.call_later, 50, lambda: due.append(loop.now_s))
        host.run(loop.call_later, 100, lambda: due.append(loop.now_s))
        host.jump(60)
        await asyncio.sleep(1)
        assert due == [0]
        host.jump(-60)
        await asyncio.sleep(200)
        assert due == [0, 100]

    run(main)


def test_a_clock_that_drifts_keeps_what_it_gained() -> None:
    async def main(loop: SimLoop) -> None:
        woke: list[tuple[float, float]] = []
        host = loop.make_host("a")

        async def sleeps() -> None:
            while True:
                await asyncio.sleep(10)
                woke.append((loop.now_s, loop.time()))

        spawn(loop, host, sleeps)
        await asyncio.sleep(10)
        host.drift(2)
        await asyncio.sleep(10)
        host.drift(1)
        await asyncio.sleep(11)
        assert woke == [(10, 10), (15, 20), (20, 30), (30, 40)]

    run(main)


def test_the_other_clocks_of_a_host_go_on_being_right() -> None:
    """As in a program whose loop is a `SkewedLoop`: only the loop's clock is wrong."""

    async def main(loop: SimLoop) -> None:
        host = loop.make_host("a")
        before = time.time(), time.monotonic()
        host.jump(3600)
        assert host.run(lambda: (time.time(), time.monotonic())) == before

    run(main)


def test_the_wall_clock_of_a_host_is_set_and_nobody_elses() -> None:
    """Nor its monotonic clock, nor any of its timers."""

    async def main(loop: SimLoop) -> None:
        host, other = loop.make_host("a"), loop.make_host("b")
        woke: list[float] = []
        host.run(loop.call_later, 10, lambda: woke.append(loop.now_s))
        before, hour = time.time(), time.gmtime().tm_hour
        host.wall_jump(3600)
        assert host.run(time.time) == before + 3600
        assert host.run(time.time_ns) == round((before + 3600) * 1e9)
        assert host.run(time.gmtime).tm_hour == (hour + 1) % 24
        assert other.run(time.time) == time.time() == before
        assert host.run(lambda: (time.monotonic(), loop.time())) == (loop.now_s, loop.now_s)
        host.wall_jump(-7200)
        assert host.run(time.time) == before - 3600
        await asyncio.sleep(20)
        assert woke == [10]

    run(main)


def test_the_network_does_not_know_the_clock_of_a_host() -> None:
    """A connect and its bytes take as long as ever."""

    async def body(loop: SimLoop, pair: Pair) -> None:
        host = loop.make_host("a")
        host.drift(100)
        client, server = await dial(loop, pair, host)
        assert 0.045 < loop.now_s < 0.1, "three times across, 20 ms each"
        sent_s = loop.now_s
        host.run(client.transport.write, b"x")
        await asyncio.sleep(1)
        assert 0.01 < server.arrivals_s[0] - sent_s < 0.03

    play(body)


# All of it, by seed.


def digest(seed: int) -> str:
    async def body(loop: SimLoop, pair: Pair) -> str:
        host = loop.make_host("a")

        async def talk() -> None:
            _, stream = await asyncio.open_connection("server", 4000)
            while True:
                stream.write(b"tick")
                await asyncio.sleep(0.3)

        spawn(loop, host, talk)
        acts: list[Callable[[], None]] = [
            host.suspend,
            host.resume,
            partial(host.stand_for, 1.5),
            partial(host.jump, 5),
            partial(host.drift, 3),
            host.kill,
        ]
        for act in acts:
            await asyncio.sleep(2)
            act()
        await asyncio.sleep(2)
        return loop.trace.digest()

    return play(body, seed=seed)


def test_the_same_seed_gives_the_same_bytes_whatever_befalls_a_host() -> None:
    assert digest(1) == digest(1)
    assert digest(1) != digest(2)
