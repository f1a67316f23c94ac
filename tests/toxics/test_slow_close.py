"""Slow close: only the end of the stream waits."""

from __future__ import annotations

from harness.toxics import LimitData, Signal, SlowClose
from tests.toxics.driving import chain_of, run, times


def test_data_passes_and_the_end_waits() -> None:
    left = run(chain_of(SlowClose(delay=500)), [(0.0, b"hi"), (1.0, Signal.END)])
    assert left == [(0.0, b"hi"), (1.5, Signal.END)]


def test_a_close_by_another_toxic_waits_too() -> None:
    left = run(chain_of(LimitData(bytes=1), SlowClose(delay=500)), [(0.0, b"hi")])
    assert left == [(0.0, b"h"), (0.5, Signal.CLOSE)]


def test_removal_lets_a_pending_end_go() -> None:
    chain = chain_of(SlowClose(delay=5000))
    chain.feed(Signal.END, 0.0)
    chain.remove("0", 1.0)
    assert chain.due(1.0) == [Signal.END]


def test_an_update_begins_the_wait_anew() -> None:
    chain = chain_of(SlowClose(delay=5000))
    chain.feed(Signal.END, 0.0)
    chain.update("0", SlowClose(delay=300), 1.0)
    assert times(run(chain)) == [1.3]
