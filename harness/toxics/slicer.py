"""Slicer: cut chunks into small pieces, with a pause after each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class Slicer(Toxic):
    """Halve chunks until they are no larger than average + variation (`toxiproxy.md` §2.8).

    The mean piece is therefore between half and all of that. Where no piece could be that small
    (both 0, the defaults, which end the original's process) nothing is cut.
    """

    type: ClassVar[str] = "slicer"

    average_size: int = 0
    """Bytes."""
    size_variation: int = 0
    """Bytes; each cut is moved by a uniform draw over `[-variation, variation)`."""
    delay: int = 0
    """Microseconds after each piece, the last one too."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return SlicerStage(self, draws)


class SlicerStage(Stage):
    """A small message is immediate and the next one waits: the pause follows the piece."""

    def __init__(self, toxic: Slicer, draws: Draws) -> None:
        self._toxic = toxic
        self._draws = draws

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        if isinstance(item, Signal):
            yield now_s, item
            return
        delay_s = self._toxic.delay / 1_000_000
        for start, end in self._cuts(len(item)):
            yield now_s, item[start:end]
            now_s += delay_s
            yield now_s, b""

    def lets_by(self, data: bytes) -> bool:
        largest = self._toxic.average_size + self._toxic.size_variation
        return not self._toxic.delay and (largest == 0 or len(data) <= largest)

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, Slicer)
        self._toxic = toxic

    def _cuts(self, size: int) -> Iterator[tuple[int, int]]:
        """The pieces' borders, in order. A stack, since an unlucky draw may cut off one byte."""
        largest = self._toxic.average_size + self._toxic.size_variation
        todo = [(0, size)]
        while todo:
            start, end = todo.pop()
            if largest == 0 or end - start <= largest:
                yield start, end
            else:
                middle = self._middle(start, end)
                todo += [(middle, end), (start, middle)]

    def _middle(self, start: int, end: int) -> int:
        """About the middle; held inside, where the original crashes (variation over average)."""
        variation = self._toxic.size_variation
        middle = start + (end - start) // 2
        if variation:
            middle += self._draws.between(-variation, variation)
        return min(max(middle, start + 1), end - 1)
