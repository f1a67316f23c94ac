"""The verbs of the simulated network: each fault has its effect, and not more."""

from __future__ import annotations

import asyncio
import socket

import pytest

from harness.sim import Link, SimLoop, run
from harness.toxics import Latency, LimitData, ResetPeer, SlowClose, Timeout
from tests.sim.echo import PORT, Pair, play


def test_a_cut_way_down_still_carries_up() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut(up=False)
        client.transport.write(b"up")
        server.transport.write(b"down")
        await asyncio.sleep(10)
        assert (server.received, client.received) == (b"up", b"")

    play(body)


def test_a_cut_way_up_still_carries_down() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut(down=False)
        client.transport.write(b"up")
        server.transport.write(b"down")
        await asyncio.sleep(10)
        assert (server.received, client.received) == (b"", b"down")

    play(body)


def test_a_packet_in_flight_is_lost_to_a_cut() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        client.transport.write(b"x")
        loop.net.cut()
        await asyncio.sleep(1)
        assert server.received == b""

    play(body)


def test_a_stream_that_lost_bytes_is_reset_on_heal() -> None:
    """Real TCP never lives on with bytes missing, so a simulated one may not either."""

    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut()
        client.transport.write(b"lost")
        await asyncio.sleep(5)
        loop.net.heal()
        client.transport.write(b"late")
        await asyncio.sleep(5)
        assert server.received == b""
        assert client.events == server.events == ["made", "lost(ConnectionResetError, 104)"]

    play(body)


def test_an_idle_stream_outlives_a_cut() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut()
        await asyncio.sleep(300)
        loop.net.heal()
        client.transport.write(b"still here")
        await asyncio.sleep(1)
        assert server.received == b"still here"
        assert client.events == server.events == ["made"]

    play(body)


def test_an_end_that_closed_during_a_cut_is_missed_until_the_heal() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut()
        client.transport.close()
        await asyncio.sleep(60)
        assert server.events == ["made"]
        loop.net.heal()
        await asyncio.sleep(1)
        assert server.events == ["made", "lost(ConnectionResetError, 104)"]

    play(body)


@pytest.mark.parametrize("down_only", [False, True], ids=["data lost", "acknowledgement lost"])
def test_unacknowledged_data_ends_a_connection_after_the_user_timeout(down_only: bool) -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut(up=not down_only)
        cut_s = loop.time()
        client.transport.write(b"x")
        await client.gone
        assert loop.time() - cut_s == pytest.approx(120, abs=1)
        assert client.events == ["made", "lost(TimeoutError, 110)"]
        assert server.events == ["made"], "nobody tells the other end"

    play(body)


def test_the_user_timeout_can_be_set() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, _ = await pair.dial()
        loop.net.tcp_user_timeout_s = 5
        loop.net.cut()
        client.transport.write(b"x")
        await asyncio.wait_for(client.gone, 6)

    play(body)


def test_an_acknowledgement_that_comes_with_the_heal_is_in_time() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.cut(up=False)
        client.transport.write(b"x")
        await asyncio.sleep(100)
        loop.net.heal()
        await asyncio.sleep(300)
        assert client.events == server.events == ["made"]

    play(body)


def test_a_connect_hangs_while_cut_and_succeeds_after_the_heal() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        loop.net.cut(up=False)
        dialing = asyncio.create_task(pair.dial())
        await asyncio.sleep(20)
        assert not dialing.done()
        loop.net.heal()
        await asyncio.wait_for(dialing, 20)

    play(body)


def test_a_connect_without_an_answer_fails_as_linux_does() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        loop.net.swallow_syn(True)
        with pytest.raises(TimeoutError) as caught:
            await pair.dial()
        assert (caught.value.errno, loop.time()) == (110, 127)

    play(body)


def test_swallowing_handshakes_leaves_live_connections_alone() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, _ = await pair.dial()
        loop.net.swallow_syn(True)
        client.transport.write(b"hello")
        await asyncio.sleep(1)
        assert client.received == b"hello"
        loop.net.swallow_syn(False)
        await pair.dial()

    play(body, echo=True)


def test_a_half_open_connection_is_silent_for_good_and_new_ones_work() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        old, old_server = await pair.dial()
        loop.net.half_open()
        new, _ = await pair.dial()
        old.transport.write(b"x")
        old_server.transport.write(b"x")
        new.transport.write(b"y")
        await asyncio.sleep(60)
        loop.net.heal()
        loop.net.reset_all()
        await asyncio.sleep(1)
        assert (old.received, old.events, old_server.events) == (b"", ["made"], ["made"])
        assert new.received == b"y"
        assert new.events == ["made", "lost(ConnectionResetError, 104)"]

    play(body, echo=True)


def test_a_half_open_end_that_writes_gives_up_after_the_user_timeout() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.half_open()
        client.transport.write(b"x")
        await asyncio.sleep(119)
        assert client.events == ["made"]
        await asyncio.sleep(2)
        assert client.events == ["made", "lost(TimeoutError, 110)"]
        assert server.events == ["made"]

    play(body)


def test_a_reset_reaches_both_ends_of_every_live_connection_and_no_later_one() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        ends = [end for _ in range(3) for end in await pair.dial()]
        loop.net.reset_all()
        later, _ = await pair.dial()
        assert [end.events[1:] for end in ends] == [["lost(ConnectionResetError, 104)"]] * 6
        assert later.events == ["made"]

    play(body)


def test_a_refused_connect_says_so_and_live_connections_go_on() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, _ = await pair.dial()
        loop.net.refuse(True)
        with pytest.raises(ConnectionRefusedError) as caught:
            await pair.dial()
        assert caught.value.errno == 111
        client.transport.write(b"x")
        await asyncio.sleep(1)
        assert client.received == b"x"
        loop.net.refuse(False)
        await pair.dial()

    play(body, echo=True)


def test_a_port_where_nobody_listens_refuses() -> None:
    async def main(loop: SimLoop) -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("server", PORT)

    run(main)


def test_a_name_that_does_not_resolve_is_a_gaierror_and_an_address_lives_on() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, _ = await pair.dial()
        loop.net.dns_fails(True)
        with pytest.raises(socket.gaierror):
            await pair.dial()
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("server", PORT)
        client.transport.write(b"x")
        await asyncio.sleep(1)
        assert client.received == b"x"
        loop.net.dns_fails(False)
        await pair.dial()

    play(body, echo=True)


def test_each_dial_is_told_with_its_outcome() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        outcomes: list[str] = []
        loop.net.on_dial = outcomes.append
        await pair.dial()
        loop.net.refuse(True)
        with pytest.raises(ConnectionRefusedError):
            await pair.dial()
        loop.net.cut()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pair.dial(), 10)
        assert outcomes == ["accepted", "refused", "lost"]

    play(body)


def test_two_servers_do_not_share_a_port_and_port_0_is_free() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        with pytest.raises(OSError, match="port 4000 is in use") as caught:
            await pair.listen()
        assert caught.value.errno == 98
        ports = [
            (await loop.create_server(asyncio.Protocol, "server", 0)).sockets[0].getsockname()[1]
            for _ in range(2)
        ]
        assert len(dict.fromkeys(ports)) == 2

    play(body)


def test_latency_is_what_the_link_says() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, _ = await pair.dial()
        loop.net.up = Link(latency_s=1, jitter_s=0.1)
        loop.net.down = Link(latency_s=2, jitter_s=0)
        for _ in range(50):
            sent_s = loop.time()
            client.transport.write(b"x")
            await asyncio.sleep(10)
            assert 2.9 <= client.arrivals_s[-1] - sent_s <= 3.1

    play(body, echo=True)


def test_a_toxic_delays_its_stream_on_live_and_new_connections_until_removed() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        live, _ = await pair.dial()
        loop.net.add_toxic("slow", Latency(latency=3000))
        new, _ = await pair.dial()
        for client in (live, new):
            sent_s = loop.time()
            client.transport.write(b"x")
            await asyncio.sleep(10)
            assert 3.0 < client.arrivals_s[-1] - sent_s < 3.2
        loop.net.remove_toxic("slow")
        sent_s = loop.time()
        live.transport.write(b"x")
        await asyncio.sleep(1)
        assert live.arrivals_s[-1] - sent_s < 0.2

    play(body, echo=True)


def test_what_a_toxic_holds_goes_on_when_it_is_removed() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("slow", Latency(latency=60_000), "upstream")
        client.transport.write(b"one")
        await asyncio.sleep(1)
        loop.net.remove_toxic("slow")
        client.transport.write(b"two")
        await asyncio.sleep(1)
        assert server.received == b"onetwo"

    play(body)


def test_toxicity_chooses_its_share_of_the_connections_by_the_seed() -> None:
    async def body(loop: SimLoop, pair: Pair) -> list[bool]:
        loop.net.add_toxic("slow", Latency(latency=3000), toxicity=0.3)
        hit = []
        for _ in range(60):
            client, _ = await pair.dial()
            sent_s = loop.time()
            client.transport.write(b"x")
            await asyncio.sleep(10)
            hit.append(client.arrivals_s[-1] - sent_s > 2)
        return hit

    hit = play(body, seed=1, echo=True)
    assert 5 < sum(hit) < 35
    assert hit == play(body, seed=1, echo=True)
    assert hit != play(body, seed=2, echo=True)


def test_limit_data_closes_both_ends_after_its_bytes() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("limit", LimitData(bytes=5), "upstream")
        client.transport.write(b"123456789")
        await asyncio.sleep(1)
        assert server.received == b"12345"
        assert client.events == server.events == ["made", "eof", "lost(NoneType, None)"]

    play(body)


def test_reset_peer_resets_both_ends_after_its_wait() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("reset", ResetPeer(timeout=2000))
        server.transport.write(b"x")
        await asyncio.sleep(1)
        assert client.events == ["made"]
        await asyncio.sleep(2)
        assert client.events == server.events == ["made", "lost(ConnectionResetError, 104)"]
        assert client.received == b""

    play(body)


def test_a_timeout_toxic_swallows_and_its_removal_closes() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("mute", Timeout())
        server.transport.write(b"x")
        await asyncio.sleep(30)
        assert (client.received, client.events) == (b"", ["made"])
        loop.net.remove_toxic("mute")
        await asyncio.sleep(1)
        assert (client.received, client.events[1:]) == (b"", ["eof", "lost(NoneType, None)"])

    play(body)


def test_a_slow_close_delays_the_end_and_not_the_data() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        loop.net.add_toxic("close", SlowClose(delay=5000))
        server.transport.write(b"bye")
        server.transport.close()
        await asyncio.sleep(4)
        assert (client.received, client.events) == (b"bye", ["made"])
        await asyncio.sleep(2)
        assert client.events == ["made", "eof", "lost(NoneType, None)"]

    play(body)


def test_a_toxic_of_a_mistaken_kind_is_named() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        net = loop.net
        net.add_toxic("slow", Latency())
        with pytest.raises(ValueError, match="'slow' already"):
            net.add_toxic("slow", Latency())
        with pytest.raises(ValueError, match="say upstream or downstream"):
            net.add_toxic("side", Latency(), "sideways")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="from 0 to 1"):
            net.add_toxic("much", Latency(), toxicity=1.5)
        with pytest.raises(ValueError, match="no toxic named 'fast'; there are: slow"):
            net.remove_toxic("fast")

    play(body)


def test_a_reset_that_takes_both_ends_at_once_ends_the_connection_once() -> None:
    """Both ends are gone before either of them is told."""
    failures: list[str] = []

    async def main(loop: SimLoop) -> None:
        loop.set_exception_handler(lambda _, context: failures.append(str(context["message"])))
        server = await loop.create_server(asyncio.Protocol, "server", PORT)
        await loop.create_connection(asyncio.Protocol, "server", PORT)
        await asyncio.sleep(1)
        loop.net.reset_all()
        await asyncio.sleep(1)
        server.close()

    run(main)
    assert not failures
