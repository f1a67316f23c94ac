"""Latency: hold each chunk for a time, counted from when it was received, and never reorder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import CHUNK_BYTES_MAX, Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class Latency(Toxic):
    """Delay every chunk by latency ± jitter (`toxiproxy.md` §2.3).

    A chunk waits for the one before it. An end with nothing queued before it is not delayed.
    """

    type: ClassVar[str] = "latency"
    holds_bytes_max: ClassVar[int] = 1024 * CHUNK_BYTES_MAX

    latency: int = 0
    """Milliseconds."""
    jitter: int = 0
    """Milliseconds; the draw is uniform over `[latency - jitter, latency + jitter)`."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return LatencyStage(self, draws)


class LatencyStage(Stage):
    """One draw a chunk."""

    restamps: ClassVar[bool] = True

    def __init__(self, toxic: Latency, draws: Draws) -> None:
        self._toxic = toxic
        self._draws = draws

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        if isinstance(item, Signal):
            yield now_s, item
        else:
            yield max(now_s, received_s + self._draw_s()), item

    def lets_by(self, data: bytes) -> bool:
        return not (self._toxic.latency or self._toxic.jitter)

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, Latency)
        self._toxic = toxic

    def _draw_s(self) -> float:
        latency_ms, jitter_ms = self._toxic.latency, self._toxic.jitter
        if jitter_ms:
            latency_ms += self._draws.between(-jitter_ms, jitter_ms)
        return latency_ms / 1000
