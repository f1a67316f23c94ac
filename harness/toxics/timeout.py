"""Timeout: swallow all data, and close the connection after a time without any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class Timeout(Toxic):
    """Nothing passes; an idle timer of this stream closes both sides (`toxiproxy.md` §2.6).

    Each swallowed chunk restarts the timer, so a WebSocket that keeps sending is never closed.
    Removing the toxic closes the connection: bytes are missing from it.
    """

    type: ClassVar[str] = "timeout"

    timeout: int = 0
    """Milliseconds; 0 never closes."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return TimeoutStage(self, now_s)


class TimeoutStage(Stage):
    """The timer runs from the start, the last chunk or the last update."""

    def __init__(self, toxic: Timeout, now_s: float) -> None:
        self.update(toxic, now_s)

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        if isinstance(item, Signal):
            yield now_s, item
        self._idle_since_s = now_s

    def deadline(self) -> float | None:
        return self._idle_since_s + self._timeout_s if self._timeout_s else None

    def expire(self) -> Iterator[Item]:
        yield Signal.CLOSE

    def removed(self) -> Iterator[Item]:
        yield Signal.CLOSE

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, Timeout)
        self._timeout_s = toxic.timeout / 1000
        self._idle_since_s = now_s
