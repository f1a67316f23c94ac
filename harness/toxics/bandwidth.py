"""Bandwidth: pace a stream; each chunk waits for as long as it would take at the rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class Bandwidth(Toxic):
    """Wait size/rate before passing a chunk, per connection and stream (`toxiproxy.md` §2.4)."""

    type: ClassVar[str] = "bandwidth"

    rate: int = 0
    """KB/s, of 1,000 bytes each. 0 stalls the stream; it does not mean unlimited."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return BandwidthStage(self)


class BandwidthStage(Stage):
    """Counts from when it turned to a chunk, so that late timers do not slow the mean."""

    def __init__(self, toxic: Bandwidth) -> None:
        self._rate = toxic.rate

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        if isinstance(item, Signal):
            yield now_s, item
        elif self._rate == 0:
            yield inf, item
        else:
            yield from self._pieces(item, now_s)

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, Bandwidth)
        self._rate = toxic.rate

    def _pieces(self, data: bytes, now_s: float) -> Iterator[Timed]:
        bytes_per_s = self._rate * 1000
        piece_bytes = bytes_per_s // 10  # 100 ms worth
        for at in range(0, len(data), piece_bytes):
            piece = data[at : at + piece_bytes]
            yield now_s + (at + len(piece)) / bytes_per_s, piece
