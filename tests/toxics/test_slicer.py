"""Slicer: small pieces, every byte once, a pause after each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.toxics import LimitData, Signal, Slicer
from tests.toxics.driving import chain_of, data, run, times


def sizes(*toxics: Slicer | LimitData, payload: bytes) -> list[int]:
    left = run(chain_of(*toxics), [(0.0, payload)])
    return [len(item) for _, item in left if isinstance(item, bytes)]


def test_pieces_are_halves_of_halves() -> None:
    assert sizes(Slicer(average_size=64), payload=bytes(1024)) == [64] * 16


def test_pieces_lie_between_half_and_all_of_the_largest() -> None:
    """Recorded: 2,000 B at 100 ± 10 gave 32 pieces, mean 62.5."""
    got = sizes(Slicer(average_size=100, size_variation=10), payload=bytes(2000))
    assert len(got) == 32
    assert len(set(got)) > 1
    assert max(got) <= 110


@given(st.integers(0, 300), st.integers(0, 300), st.binary(max_size=4000), st.integers(0, 5))
def test_no_byte_is_lost_whatever_the_sizes(
    average: int, variation: int, payload: bytes, seed: int
) -> None:
    """Also for those that end the original: average 0, or variation over average."""
    toxic = Slicer(average_size=average, size_variation=variation)
    left = run(chain_of(toxic, seed=seed), [(0.0, payload)])
    assert data(left) == payload
    if average + variation:
        assert all(len(item) <= average + variation for _, item in left if isinstance(item, bytes))


def test_the_pause_follows_each_piece_also_the_last() -> None:
    """A small message is immediate and the next one waits."""
    left = run(chain_of(Slicer(average_size=1000, delay=100_000)), [(0.0, b"a"), (0.01, b"b")])
    assert times(left) == [0.0, 0.1]


def test_an_end_waits_for_the_last_pause() -> None:
    left = run(chain_of(Slicer(average_size=1, delay=1000)), [(0.0, b"ab"), (0.0, Signal.END)])
    assert times(left) == [0.0, 0.001, 0.002]


def test_an_update_sends_the_rest_in_one_piece() -> None:
    chain = chain_of(Slicer(average_size=1, delay=1_000_000))
    chain.feed(b"abcdef", 0.0)
    assert chain.due(0.0) == [b"a"]
    chain.update("0", Slicer(average_size=1, delay=1), 0.5)
    assert chain.due(0.5) == [b"bcdef"]


def test_order_in_the_chain_matters() -> None:
    """Recorded: the limit cuts first and the pieces are even, or it cuts the last piece."""
    slicer, limit = Slicer(average_size=25), LimitData(bytes=100)
    assert sizes(limit, slicer, payload=bytes(150)) == [25, 25, 25, 25]
    assert sizes(slicer, limit, payload=bytes(150))[-1] < 19
