"""Noop: does nothing; it can be created through the API like any toxic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class Noop(Toxic):
    """Pass everything at once (`toxiproxy.md` §2.2)."""

    type: ClassVar[str] = "noop"

    def start(self, draws: Draws, now_s: float) -> Stage:
        return NoopStage()


class NoopStage(Stage):
    """Each item leaves when it comes."""

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        yield now_s, item

    def lets_by(self, data: bytes) -> bool:
        return True

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, Noop)
