"""Chains: bytes stay whole and in order through any toxics, edited at any time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.toxics import (
    CHUNK_BYTES_MAX,
    Bandwidth,
    Chain,
    Item,
    Latency,
    Noop,
    Signal,
    Slicer,
    SlowClose,
    Toxic,
)
from harness.toxics.noop import NoopStage
from tests.toxics.driving import chain_of, data, run, times

LOSSLESS = st.one_of(
    st.builds(Latency, latency=st.integers(0, 500), jitter=st.integers(0, 500)),
    st.builds(Bandwidth, rate=st.integers(1, 1000)),
    st.builds(
        Slicer,
        average_size=st.integers(0, 50),
        size_variation=st.integers(0, 50),
        delay=st.integers(0, 10_000),
    ),
    st.builds(SlowClose, delay=st.integers(0, 500)),
    st.builds(Noop),
)
CHUNKS = st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=300)), max_size=10)


def timed(chunks: list[tuple[int, bytes]]) -> list[tuple[float, Item]]:
    now_ms, fed = 0, list[tuple[float, Item]]()
    for pause_ms, chunk in chunks:
        now_ms += pause_ms
        fed.append((now_ms / 1000, chunk))
    return [*fed, (now_ms / 1000, Signal.END)]


@given(st.lists(LOSSLESS, max_size=4), CHUNKS)
def test_bytes_come_out_whole_and_in_order_and_the_end_last(
    toxics: list[Toxic], chunks: list[tuple[int, bytes]]
) -> None:
    chain = chain_of(*toxics)
    left = run(chain, timed(chunks))
    assert data(left) == b"".join(chunk for _, chunk in chunks)
    assert [item for _, item in left if isinstance(item, Signal)] == [Signal.END]
    assert left[-1][1] is Signal.END
    assert chain.held_bytes == 0


@given(st.lists(LOSSLESS, min_size=1, max_size=4), CHUNKS, st.data())
def test_editing_a_live_chain_loses_nothing(
    toxics: list[Toxic], chunks: list[tuple[int, bytes]], draw: st.DataObject
) -> None:
    chain = chain_of(*toxics)
    names = [str(number) for number in range(len(toxics))]
    left: list[tuple[float, Item]] = []
    for step, (at_s, item) in enumerate(timed(chunks)):
        left += run(chain, [(at_s, item)], until_s=at_s)
        match draw.draw(st.sampled_from(["keep", "add", "remove", "update"])):
            case "add":
                chain.add(f"new{step}", draw.draw(LOSSLESS), at_s)
                names.append(f"new{step}")
            case "remove" if names:
                chain.remove(names.pop(), at_s)
            case "update" if "0" in names:
                chain.update("0", toxics[0], at_s)
    left += run(chain)
    assert data(left) == b"".join(chunk for _, chunk in chunks)
    assert left[-1][1] is Signal.END


@given(st.lists(LOSSLESS, max_size=4), CHUNKS)
def test_how_often_the_driver_looks_changes_nothing(
    toxics: list[Toxic], chunks: list[tuple[int, bytes]]
) -> None:
    """The same seed leaves the same bytes, however coarse the timer of the loop is."""
    prompt = run(chain_of(*toxics), timed(chunks))
    lazy = chain_of(*toxics)
    for at_s, item in timed(chunks):
        lazy.feed(item, at_s)
    assert lazy.due(1e9) == [item for _, item in prompt]


def test_a_toxic_draws_the_same_whatever_else_is_in_the_chain() -> None:
    alone, between = Chain(Random(5)), Chain(Random(5))
    between.add("before", Noop(), 0.0)
    for chain in (alone, between):
        chain.add("late", Latency(latency=100, jitter=100), 0.0)
    between.add("after", Slicer(average_size=7, size_variation=3), 0.0)
    fed: list[tuple[float, Item]] = [(float(n), b"x") for n in range(20)]
    assert times(run(alone, fed)) == times(run(between, fed))


def test_seeds_differ() -> None:
    fed: list[tuple[float, Item]] = [(float(n), b"x") for n in range(20)]
    toxic = Latency(latency=100, jitter=100)
    assert run(chain_of(toxic, seed=1), fed) != run(chain_of(toxic, seed=2), fed)


def test_toxics_see_what_the_original_reads_at_once() -> None:
    left = run(chain_of(Noop()), [(0.0, bytes(3 * CHUNK_BYTES_MAX - 1))])
    assert [len(item) for _, item in left if isinstance(item, bytes)] == [
        CHUNK_BYTES_MAX,
        CHUNK_BYTES_MAX,
        CHUNK_BYTES_MAX - 1,
    ]


def test_an_empty_chain_hands_straight_through() -> None:
    chain = Chain(Random(1))
    assert chain.idle
    chain.feed(bytes(100_000), 0.0)
    assert chain.held_bytes == 100_000
    assert not chain.idle
    assert chain.deadline() == 0.0
    assert chain.due(0.0) == [bytes(100_000)]
    assert chain.deadline() is None


def test_a_chain_at_rest_is_edited_without_a_look_at_every_toxic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand toxics on many connections would otherwise hold up everybody for seconds."""
    looks = 0

    def deadline(stage: NoopStage) -> None:
        nonlocal looks
        looks += 1

    monkeypatch.setattr(NoopStage, "deadline", deadline)
    chain, count = Chain(Random(1)), 300
    for number in range(count):
        chain.add(str(number), Noop(), 0.0)
    for number in range(count):
        chain.remove(str(number), 1.0)
        assert (chain.due(1.0), chain.deadline(), chain.full) == ([], None, False)
    assert looks < 3 * count


def test_two_toxics_cannot_share_a_name() -> None:
    chain = chain_of(Noop())
    with pytest.raises(ValueError, match="'0'"):
        chain.add("0", Noop(), 0.0)


def test_a_missing_toxic_is_named_with_those_that_are_there() -> None:
    chain = chain_of(Noop())
    with pytest.raises(KeyError, match=r"'x'.*there are: 0"):
        chain.remove("x", 0.0)
