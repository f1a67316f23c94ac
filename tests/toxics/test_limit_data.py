"""Limit data: so many bytes, then both sides close."""

from __future__ import annotations

from harness.toxics import LimitData, Signal
from tests.toxics.driving import chain_of, run


def test_nothing_passes_beyond_the_limit() -> None:
    left = run(chain_of(LimitData(bytes=10)), [(0.0, b"123456"), (1.0, b"789012"), (2.0, b"x")])
    assert left == [(0.0, b"123456"), (1.0, b"7890"), (1.0, Signal.CLOSE)]


def test_reaching_the_limit_exactly_closes() -> None:
    left = run(chain_of(LimitData(bytes=3)), [(0.0, b"abc")])
    assert left == [(0.0, b"abc"), (0.0, Signal.CLOSE)]


def test_limit_0_closes_on_the_first_byte_and_not_before() -> None:
    chain = chain_of(LimitData(bytes=0))
    assert run(chain) == []
    assert run(chain, [(1.0, b"a")]) == [(1.0, Signal.CLOSE)]


def test_the_count_outlives_an_update() -> None:
    """Recorded: 1,000 → 2,000 after 600 bytes lets 1,400 more pass."""
    chain = chain_of(LimitData(bytes=1000))
    run(chain, [(0.0, bytes(600))])
    chain.update("0", LimitData(bytes=2000), 1.0)
    assert run(chain, [(1.0, bytes(5000))]) == [(1.0, bytes(1400)), (1.0, Signal.CLOSE)]


def test_lowered_below_the_count_the_next_chunk_closes() -> None:
    chain = chain_of(LimitData(bytes=1000))
    run(chain, [(0.0, bytes(600))])
    chain.update("0", LimitData(bytes=300), 1.0)
    assert chain.due(1.0) == []
    assert run(chain, [(2.0, b"x")]) == [(2.0, Signal.CLOSE)]
