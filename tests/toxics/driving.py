"""How the tests drive a chain: feed at given times, collect each item with the time it left."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from harness.toxics import Chain, Item, Toxic

Fed = tuple[float, Item]


def chain_of(*toxics: Toxic, seed: int = 1) -> Chain:
    """A chain with these toxics, from time 0. Names are `0`, `1`, …"""
    chain = Chain(Random(seed))
    for number, toxic in enumerate(toxics):
        chain.add(str(number), toxic, 0.0)
    return chain


def run(chain: Chain, fed: Iterable[Fed] = (), *, until_s: float = 1e9) -> list[tuple[float, Item]]:
    """Feed in order and wake at each deadline, as a driver does."""
    left: list[tuple[float, Item]] = []
    for at_s, item in fed:
        left += _wake(chain, at_s)
        chain.feed(item, at_s)
        left += [(at_s, out) for out in chain.due(at_s)]
    return left + _wake(chain, until_s)


def data(left: Iterable[tuple[float, Item]]) -> bytes:
    """The bytes that left, in order."""
    return b"".join(item for _, item in left if isinstance(item, bytes))


def times(left: Iterable[tuple[float, Item]]) -> list[float]:
    """When items left, to the microsecond."""
    return [round(at_s, 6) for at_s, _ in left]


def _wake(chain: Chain, until_s: float) -> list[tuple[float, Item]]:
    left: list[tuple[float, Item]] = []
    while (at_s := chain.deadline()) is not None and at_s <= until_s:
        left += [(at_s, out) for out in chain.due(at_s)]
    return left
