"""The conditions of one way through the network."""

from __future__ import annotations

import asyncio
from math import inf, nan
from random import Random

import pytest

from harness.sim import Link, SimLoop
from tests.sim.echo import Pair, play


def test_a_delay_stays_within_latency_and_jitter() -> None:
    link = Link(latency_s=0.1, jitter_s=0.02)
    delays_s = [link.delay_s(Random(seed)) for seed in range(200)]
    assert 0.08 <= min(delays_s) < 0.09
    assert 0.11 < max(delays_s) <= 0.12


def test_nothing_arrives_before_it_was_sent() -> None:
    assert Link(latency_s=0, jitter_s=0.5).delay_s(Random(1)) > 0


def test_a_loss_delays_by_retransmission_timeouts_that_double() -> None:
    link = Link(latency_s=0.1, jitter_s=0, loss=0.5, rto_s=0.2)
    delays_s = {round(link.delay_s(Random(seed)), 6) for seed in range(100)}
    assert delays_s <= {round(0.1 + 0.2 * (2**losses - 1), 6) for losses in range(10)}
    assert len(delays_s) > 3


@pytest.mark.parametrize(
    ("conditions", "mend"),
    [
        ({"latency_s": -1}, "from 0 up"),
        ({"jitter_s": nan}, "from 0 up"),
        ({"rto_s": "fast"}, "from 0 up"),
        ({"loss": 1}, "cut the network"),
        ({"bandwidth_bytes_per_s": 0}, "cut the network"),
    ],
)
def test_conditions_that_make_no_sense_are_named(conditions: dict[str, float], mend: str) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(conditions))} is .*{mend}"):
        Link(**conditions)


def test_loss_only_delays() -> None:
    """TCP retransmits: what is lost on the wire is never missing in the stream."""

    async def body(loop: SimLoop, pair: Pair) -> float:
        client, server = await pair.dial()
        loop.net.up = Link(loss=0.3)
        sent = b"".join(b"%d " % number for number in range(500))
        began_s = loop.time()
        for number in range(500):
            client.transport.write(b"%d " % number)
        await asyncio.sleep(60)
        assert server.received == sent
        assert client.events == server.events == ["made"]
        return server.arrivals_s[-1] - began_s

    assert play(body) > 0.2


def test_bandwidth_paces_each_connection() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        ends = [await pair.dial() for _ in range(2)]
        loop.net.up = Link(latency_s=0.01, jitter_s=0, bandwidth_bytes_per_s=10_000)
        began_s = loop.time()
        for client, _ in ends:
            for _ in range(20):
                client.transport.write(bytes(1000))
        await asyncio.sleep(10)
        for _, server in ends:
            assert len(server.received) == 20_000
            assert server.arrivals_s[-1] - began_s == pytest.approx(2.01)
            assert server.arrivals_s[9] - began_s == pytest.approx(1.01)

    play(body)


def test_an_infinite_bandwidth_is_the_default() -> None:
    assert Link().bandwidth_bytes_per_s == inf
