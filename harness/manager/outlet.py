"""Where the cores put their decisions: effects in order, messages numbered and framed."""

from __future__ import annotations

from itertools import count
from typing import Any

from harness.manager.effects import Effect, Emit, Settle, Wake, Write
from harness.manager.events import Event
from harness.manager.sends import Settled
from harness.manager.stats import Stats
from harness.protocol import V2, Message


class Outlet:
    """Shared by the connection's core and its channels'; the shell drains it after every fact."""

    def __init__(self, write_backlog_bytes_max: int) -> None:
        self.stats = Stats()
        # The number of the current link; each dial gets the next.
        self.link = 0
        # Handed to the current link and not yet taken by its socket.
        self.backlog_bytes = 0
        self._backlog_bytes_max = write_backlog_bytes_max
        self._effects: list[Effect] = []
        # Never reset, so that a ref of an old link can never be taken for one of the new.
        self._refs = count(1)

    def add(self, effect: Effect) -> None:
        """Have the shell do this, after all that was added before."""
        self._effects.append(effect)

    def emit(self, event: Event) -> None:
        """Tell the owner."""
        self.add(Emit(event))

    def drain(self) -> list[Effect]:
        """All effects since the last call; the caller must perform them in order."""
        effects, self._effects = self._effects, []
        return effects

    def next_ref(self) -> str:
        """A ref that no message had before."""
        return str(next(self._refs))

    def push(
        self, topic: str, event: str, payload: Any, *, ref: str, join_ref: str | None = None
    ) -> None:
        """Write a text message to the current link."""
        self.write(Message(topic, event, payload, ref=ref, join_ref=join_ref))

    def write(self, message: Message) -> None:
        """Write a message to the current link."""
        frame = V2.encode(message, sender="client")
        self.backlog_bytes += len(frame)
        self.add(Write(self.link, frame))

    @property
    def has_room(self) -> bool:
        """Whether broadcasts may be written, or must wait for the socket to take what it has."""
        return self.backlog_bytes < self._backlog_bytes_max

    def settle(self, settled: Settled) -> None:
        """Give a broadcast its result."""
        message, result = settled
        if result.outcome == "acked":
            self.stats.broadcasts_acked += 1
        else:
            self.stats.broadcasts_unsettled += 1
        self.add(Settle(message, result))

    def wake(self) -> None:
        """Have everybody who waits for a state look again."""
        self.add(Wake())
