"""Reset peer: after the first chunk, end the connection with a reset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.toxics.draws import Draws
from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


@dataclass(frozen=True, slots=True)
class ResetPeer(Toxic):
    """From the first data or the end, wait, then reset both sides (`toxiproxy.md` §2.7).

    That chunk and all after it are dropped, and do not restart the wait. An idle connection lives
    on. Unlike the original, connections that are live when the toxic is added get a reset too,
    and connections that the toxicity spares are left alone (`toxiproxy.md` §2.12).
    """

    type: ClassVar[str] = "reset_peer"

    timeout: int = 0
    """Milliseconds."""

    def start(self, draws: Draws, now_s: float) -> Stage:
        return ResetPeerStage(self)


class ResetPeerStage(Stage):
    """The chain asks no more of a stage that has passed a signal."""

    def __init__(self, toxic: ResetPeer) -> None:
        self._timeout_s = toxic.timeout / 1000

    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        yield now_s + self._timeout_s, Signal.RESET

    def update(self, toxic: Toxic, now_s: float) -> None:
        assert isinstance(toxic, ResetPeer)
        self._timeout_s = toxic.timeout / 1000
