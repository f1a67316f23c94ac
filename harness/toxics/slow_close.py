"""Slow close: the end of one stream comes later than it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class SlowClose(Toxic):
    """Delay the end of this stream only; data passes at once (`toxiproxy.md` §2.5)."""

    type: ClassVar[str] = "slow_close"

    delay: int = 0
    """Milliseconds."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return SlowCloseStage(self)


class SlowCloseStage(Stage):
    """Any signal waits: a close made by the toxic before this one is an end to it."""

    def __init__(self, toxic: SlowClose) -> None:
        self._delay_s = toxic.delay / 1000

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        yield (now_s + self._delay_s if isinstance(item, Signal) else now_s), item

    def lets_by(self, data: bytes) -> bool:
        return True

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, SlowClose)
        self._delay_s = toxic.delay / 1000
