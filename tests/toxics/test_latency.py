"""Latency: delays counted from receipt, never reordered, flushed on removal."""

from __future__ import annotations

from harness.toxics import Latency, Signal, Slicer
from tests.toxics.driving import chain_of, data, run, times


def test_chunks_keep_their_spacing() -> None:
    """Recorded: ten chunks 20 ms apart each arrive 200 ms after they were sent."""
    fed = [(0.02 * n, bytes([n])) for n in range(10)]
    left = run(chain_of(Latency(latency=200)), fed)
    assert times(left) == [round(0.02 * n + 0.2, 6) for n in range(10)]


def test_two_latencies_add() -> None:
    left = run(chain_of(Latency(latency=100), Latency(latency=100)), [(0.0, b"a")])
    assert times(left) == [0.2]


def test_two_latencies_keep_the_spacing() -> None:
    fed = [(0.02 * n, bytes([n])) for n in range(10)]
    left = run(chain_of(Latency(latency=100), Latency(latency=100)), fed)
    assert times(left) == [round(0.02 * n + 0.2, 6) for n in range(10)]


def test_jitter_never_reorders() -> None:
    fed = [(0.001 * n, bytes([n])) for n in range(200)]
    left = run(chain_of(Latency(latency=100, jitter=100)), fed)
    assert data(left) == bytes(range(200))
    assert times(left) == sorted(times(left))


def test_jitter_is_uniform_around_the_latency() -> None:
    """Recorded: 100 ± 50 gave 50.5 to 149.9 ms, mean 100.2."""
    fed = [(float(n), b"x") for n in range(2000)]
    left = run(chain_of(Latency(latency=100, jitter=50)), fed)
    delays = [round(at_s % 1, 6) for at_s, _ in left]
    assert 0.05 <= min(delays) < 0.055
    assert 0.145 < max(delays) < 0.15
    assert 0.095 < sum(delays) / len(delays) < 0.105


def test_a_draw_below_zero_is_no_delay() -> None:
    """Recorded: 10 ± 50 left about half of the chunks undelayed."""
    fed = [(float(n), b"x") for n in range(400)]
    undelayed = [at for at, _ in run(chain_of(Latency(latency=10, jitter=50)), fed) if at % 1 == 0]
    assert 120 < len(undelayed) < 200


def test_an_end_alone_is_not_delayed() -> None:
    assert run(chain_of(Latency(latency=1000)), [(3.0, Signal.END)]) == [(3.0, Signal.END)]


def test_an_end_comes_after_the_data_before_it() -> None:
    left = run(chain_of(Latency(latency=500)), [(0.0, b"abc"), (0.0, Signal.END)])
    assert left == [(0.5, b"abc"), (0.5, Signal.END)]


def test_removal_flushes_at_once_and_in_order() -> None:
    chain = chain_of(Latency(latency=5000))
    assert run(chain, [(0.1 * n, bytes([n])) for n in range(3)], until_s=1.0) == []
    chain.remove("0", 1.0)
    assert chain.due(1.0) == [b"\0", b"\1", b"\2"]
    assert chain.held_bytes == 0


def test_an_update_releases_the_chunk_at_hand_and_measures_the_rest_anew() -> None:
    """Recorded at 5,000 → 1,000 ms: 1, 600 and 650 ms after the update."""
    chain = chain_of(Latency(latency=5000))
    run(chain, [(0.0, b"a"), (0.1, b"b"), (0.15, b"c")], until_s=0.5)
    chain.update("0", Latency(latency=1000), 0.5)
    assert chain.due(0.5) == [b"a"]
    assert times(run(chain)) == [1.1, 1.15]


def test_the_stream_behind_a_stall_is_not_delayed_twice() -> None:
    """Latency counts from receipt, so waiting elsewhere in the chain is part of it."""
    left = run(
        chain_of(Slicer(average_size=5, delay=10_000), Latency(latency=200)), [(0.0, b"0123456789")]
    )
    assert times(left) == [0.2, 0.2]
