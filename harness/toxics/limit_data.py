"""Limit data: pass so many bytes of a connection, then close it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class LimitData(Toxic):
    """Count from when the toxic was added; close both sides at the limit (`toxiproxy.md` §2.9).

    Reaching it exactly closes too; nothing beyond it passes.
    """

    type: ClassVar[str] = "limit_data"

    bytes: int = 0
    """Bytes that may pass; 0 closes on the first one."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return LimitDataStage(self)


class LimitDataStage(Stage):
    """The count outlives an update; lowered below it, the next chunk closes."""

    def __init__(self, toxic: LimitData) -> None:
        self._limit_bytes = toxic.bytes
        self._passed_bytes = 0

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        if isinstance(item, Signal):
            yield now_s, item
            return
        piece = item[: max(0, self._limit_bytes - self._passed_bytes)]
        self._passed_bytes += len(piece)
        yield now_s, piece
        if self._passed_bytes >= self._limit_bytes:
            yield now_s, Signal.CLOSE

    def lets_by(self, data: bytes) -> bool:
        return self._passed_bytes + len(data) < self._limit_bytes

    def let_by(self, data: bytes) -> None:
        self._passed_bytes += len(data)

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, LimitData)
        self._limit_bytes = toxic.bytes
