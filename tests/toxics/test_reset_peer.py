"""Reset peer: a reset some time after the first data, and nothing before."""

from __future__ import annotations

from harness.toxics import ResetPeer, Signal
from tests.toxics.driving import chain_of, run


def test_an_idle_connection_lives_on() -> None:
    assert run(chain_of(ResetPeer(timeout=0))) == []


def test_the_first_chunk_starts_the_wait_and_is_dropped() -> None:
    left = run(chain_of(ResetPeer(timeout=300)), [(1.0, b"a"), (1.2, b"b")])
    assert left == [(1.3, Signal.RESET)]


def test_an_end_starts_the_wait_too() -> None:
    assert run(chain_of(ResetPeer(timeout=0)), [(1.0, Signal.END)]) == [(1.0, Signal.RESET)]


def test_nothing_follows_the_reset() -> None:
    assert run(chain_of(ResetPeer()), [(0.0, b"a"), (1.0, b"b")]) == [(0.0, Signal.RESET)]
