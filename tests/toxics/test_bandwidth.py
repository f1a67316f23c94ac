"""Bandwidth: size/rate before a chunk passes, pieces of 100 ms, a rate of 0 stalls."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from harness.toxics import Bandwidth, Latency, Signal
from tests.toxics.driving import chain_of, data, run, times


def test_a_chunk_waits_for_as_long_as_it_takes() -> None:
    """Recorded: 1,000 B at 10 KB/s take 100 ms, and a KB is 1,000 bytes."""
    assert times(run(chain_of(Bandwidth(rate=10)), [(0.0, bytes(1000))])) == [0.1]


def test_a_large_chunk_comes_in_pieces_of_100_ms() -> None:
    """Recorded at 100 KB/s: 10,000 bytes each 100 ms, and a rest of 2,768 after each 32 KiB."""
    left = run(chain_of(Bandwidth(rate=100)), [(0.0, bytes(40000))])
    sizes = [len(item) for _, item in left if isinstance(item, bytes)]
    assert sizes == [10000, 10000, 10000, 2768, 7232]
    assert times(left) == [0.1, 0.2, 0.3, 0.32768, 0.4]


@given(st.integers(1, 100_000), st.lists(st.integers(1, 100_000), min_size=1, max_size=20))
def test_the_mean_rate_is_exact(rate: int, sizes: list[int]) -> None:
    left = run(chain_of(Bandwidth(rate=rate)), [(0.0, bytes(size)) for size in sizes])
    assert len(data(left)) == sum(sizes)
    assert abs(left[-1][0] - sum(sizes) / (rate * 1000)) < 1e-6


def test_late_wakes_do_not_slow_the_mean() -> None:
    """A driver that is 30 ms late each time still passes everything by the due time."""
    chain = chain_of(Bandwidth(rate=100))
    chain.feed(bytes(100_000), 0.0)
    passed = 0
    for step in range(1, 100):
        passed += sum(len(item) for item in chain.due(step * 0.13) if isinstance(item, bytes))
        if step * 0.13 >= 1.0:
            break
    assert passed == 100_000
    assert step == ceil(1.0 / 0.13)


def test_rate_0_stalls_without_a_timer() -> None:
    chain = chain_of(Bandwidth(rate=0))
    assert run(chain, [(0.0, b"hello"), (1.0, Signal.END)]) == []
    assert chain.deadline() is None
    assert chain.held_bytes == 5


def test_a_stalled_chunk_leaves_at_once_when_the_rate_changes() -> None:
    chain = chain_of(Bandwidth(rate=0))
    chain.feed(b"hello", 0.0)
    chain.update("0", Bandwidth(rate=1000), 2.0)
    assert chain.due(2.0) == [b"hello"]


def test_everything_comes_at_the_rate_and_then_the_end() -> None:
    """Recorded: 100 kB at 200 KB/s, FIN at 504 ms."""
    left = run(chain_of(Bandwidth(rate=200)), [(0.0, bytes(100_000)), (0.0, Signal.END)])
    assert len(data(left)) == 100_000
    assert (round(left[-1][0], 6), left[-1][1]) == (0.5, Signal.END)


def test_removal_releases_the_rest() -> None:
    chain = chain_of(Bandwidth(rate=100))
    chain.feed(bytes(100_000), 0.0)
    before = sum(len(item) for item in chain.due(0.2) if isinstance(item, bytes))
    chain.remove("0", 0.25)
    assert before + sum(len(item) for item in chain.due(0.25) if isinstance(item, bytes)) == 100_000


def test_the_sender_waits_for_a_stall_but_not_for_latency() -> None:
    """The original holds 1,024 chunks in front of latency and one in front of anything else."""
    stalled, slow = chain_of(Bandwidth(rate=0)), chain_of(Latency(latency=60_000))
    for chain in (stalled, slow):
        chain.feed(bytes(1 << 20), 0.0)
    assert stalled.full
    assert not slow.full
    slow.feed(bytes(1 << 25), 0.0)
    assert slow.full


def test_a_stall_in_front_of_latency_holds_the_sender() -> None:
    """The room behind a stall cannot be reached."""
    before = chain_of(Bandwidth(rate=0), Latency(latency=1))
    behind = chain_of(Latency(latency=1), Bandwidth(rate=0))
    for chain in (before, behind):
        chain.feed(bytes(1 << 20), 0.0)
        chain.due(1.0)
    assert before.full
    assert not behind.full
