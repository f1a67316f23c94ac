"""Timeout: swallows everything, and closes after that idle time of its stream."""

from __future__ import annotations

from harness.toxics import Noop, Signal, Timeout
from tests.toxics.driving import chain_of, run


def test_data_is_swallowed() -> None:
    chain = chain_of(Timeout(timeout=0))
    assert run(chain, [(0.0, b"abc")]) == []
    assert chain.held_bytes == 0
    assert chain.deadline() is None


def test_an_end_passes_at_once() -> None:
    """A black hole of this kind is no dead network: a close still arrives."""
    assert run(chain_of(Timeout(timeout=0)), [(2.0, Signal.END)]) == [(2.0, Signal.END)]


def test_idle_time_closes_both_sides() -> None:
    assert run(chain_of(Timeout(timeout=500))) == [(0.5, Signal.CLOSE)]


def test_each_swallowed_chunk_restarts_the_timer() -> None:
    """Recorded: data each 200 ms for a second, FIN at 1,302 ms. Who keeps sending lives on."""
    fed = [(0.2 * n, b"x") for n in range(5)]
    assert run(chain_of(Timeout(timeout=500)), fed) == [(1.3, Signal.CLOSE)]


def test_data_after_the_time_does_not_save_the_connection() -> None:
    """A driver that wakes late must not let late data restart a timer that has run out."""
    chain = chain_of(Timeout(timeout=500))
    chain.feed(b"x", 0.6)
    assert chain.due(0.6) == [Signal.CLOSE]


def test_the_timer_of_a_late_toxic_starts_when_it_is_added() -> None:
    chain = chain_of(Noop())
    chain.add("late", Timeout(timeout=300), 10.0)
    assert run(chain) == [(10.3, Signal.CLOSE)]


def test_an_update_restarts_the_timer() -> None:
    chain = chain_of(Timeout(timeout=0))
    chain.update("0", Timeout(timeout=300), 5.0)
    assert run(chain) == [(5.3, Signal.CLOSE)]


def test_removal_closes() -> None:
    """Bytes are missing from the stream: it must not live on."""
    chain = chain_of(Timeout(timeout=0))
    chain.remove("0", 1.0)
    assert chain.due(1.0) == [Signal.CLOSE]


def test_removal_leaves_connections_alone_that_toxicity_spared() -> None:
    chain = chain_of()
    chain.add("t", Timeout(timeout=0), 0.0, hit=False)
    chain.feed(b"x", 0.5)
    chain.remove("t", 1.0)
    assert chain.due(1.0) == [b"x"]
