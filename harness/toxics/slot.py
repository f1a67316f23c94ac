"""One place in a chain: a toxic's stage, what waits in front of it and what it is passing on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from harness.toxics.toxic import Item, Signal, Stage, Timed, Toxic


class Parcel(NamedTuple):
    """An item on its way through a chain."""

    arrived_s: float  # when it came to this place
    received_s: float  # when the chain got it, or when the last latency let it go
    item: Item

    @property
    def bytes(self) -> int:
        return 0 if isinstance(self.item, Signal) else len(self.item)


class Slot:
    """Feeds the stage one parcel at a time and says what leaves by when."""

    __slots__ = (
        "_current",
        "_current_bytes",
        "_ended",
        "_free_s",
        "_inbox",
        "_inbox_bytes",
        "_leaving",
        "_pending",
        "hit",
        "name",
        "stage",
        "toxic",
    )

    def __init__(self, name: str, toxic: Toxic, stage: Stage, hit: bool, now_s: float) -> None:
        self.name = name
        self.toxic = toxic
        self.stage = stage
        # Whether toxicity has chosen this connection; if not, everything passes.
        self.hit = hit
        # Parcels that the stage has not turned to, and their size.
        self._inbox: deque[Parcel] = deque()
        self._inbox_bytes = 0
        # The parcel that the stage is at, what is left of it, and how much.
        self._current: Parcel | None = None
        self._leaving: Iterator[Timed] = iter(())
        self._current_bytes = 0
        # What leaves next.
        self._pending: Timed | None = None
        # When the stage was done with what it passed last: nothing overtakes.
        self._free_s = now_s
        # Nothing follows a signal.
        self._ended = False

    @property
    def held_bytes(self) -> int:
        """Bytes waiting and bytes being passed on."""
        return self._inbox_bytes + self._current_bytes

    @property
    def at_rest(self) -> bool:
        """Whether nothing is here, and time alone brings nothing."""
        return self._current is None and not self._inbox and self._timer() is None

    def lets_by(self, data: bytes) -> bool:
        """Whether `data` would pass at once and whole: nothing is before it, nothing is done."""
        if self._current is not None or self._inbox or self._ended:
            return False
        return not self.hit or self.stage.lets_by(data)

    def let_by(self, data: bytes) -> None:
        """`data` has passed."""
        if self.hit:
            self.stage.let_by(data)

    def accept(self, parcel: Parcel) -> None:
        """Put a parcel at the end of the queue; call `advance` to move it on."""
        if not self._ended:
            self._inbox.append(parcel)
            self._inbox_bytes += parcel.bytes

    def advance(self, until_s: float) -> Iterator[Parcel]:
        """What leaves up to `until_s`, in order."""
        while (due := self._next()) is not None and due[0] <= until_s:
            self._pending = None
            if due[1] == b"":
                self._free_s = max(self._free_s, due[0])
            else:
                yield self._leave(due[0], due[1])
        deadline_s = self._timer()
        if deadline_s is not None and deadline_s <= until_s:
            for item in self.stage.expire():
                yield self._leave(deadline_s, item)

    def deadline(self) -> float | None:
        """When `advance` has something to do next. Never infinite."""
        due = self._next()
        times_s = [self._timer(), due[0] if due else None]
        return min((time_s for time_s in times_s if time_s not in (None, inf)), default=None)

    def interrupt(self, now_s: float) -> list[Parcel]:
        """Let go at once of what is being passed on: the data in one piece, then any signal."""
        if self._current is None:
            return []
        rest = [*([self._pending] if self._pending else []), *self._leaving]
        data = b"".join(item for _, item in rest if isinstance(item, bytes))
        signals = [item for _, item in rest if isinstance(item, Signal)]
        released: list[Item] = [data, *signals] if data else [*signals]
        received_s = self._current.received_s
        self._finish()
        self._free_s = now_s
        return [Parcel(now_s, received_s, item) for item in released]

    def update(self, toxic: Toxic, hit: bool, now_s: float) -> list[Parcel]:
        """Go on under new attributes. What was being passed on is let go; the rest waits anew.

        An end that was being delayed begins its wait again, as in Toxiproxy.
        """
        current = self._current
        released = self.interrupt(now_s)
        if (
            current
            and isinstance(current.item, Signal)
            and [p.item for p in released] == [current.item]
        ):
            self._inbox.appendleft(current._replace(arrived_s=now_s))
            released = []
        self.toxic, self.hit = toxic, hit
        self.stage.update(toxic, now_s)
        return released

    def empty(self, now_s: float) -> list[Parcel]:
        """Let go at once of everything, since the toxic is removed."""
        waiting = [*self.interrupt(now_s), *(p._replace(arrived_s=now_s) for p in self._inbox)]
        self._inbox.clear()
        self._inbox_bytes = 0
        if self.hit and not self._ended:
            waiting += [Parcel(now_s, now_s, item) for item in self.stage.removed()]
        return waiting

    def _next(self) -> Timed | None:
        while self._pending is None and not self._ended:
            if self._current is None and not self._turn():
                break
            self._pending = next(self._leaving, None)
            if self._pending is None:
                self._finish()
        return self._pending

    def _turn(self) -> bool:
        """Turn to the next parcel, if one waits."""
        if not self._inbox:
            return False
        parcel = self._current = self._inbox.popleft()
        self._inbox_bytes -= parcel.bytes
        self._current_bytes = parcel.bytes
        now_s = max(parcel.arrived_s, self._free_s)
        if self.hit:
            self._leaving = self.stage.feed(parcel.item, parcel.received_s, now_s)
        else:
            self._leaving = iter([(now_s, parcel.item)])
        return True

    def _finish(self) -> None:
        self._current, self._pending, self._leaving = None, None, iter(())
        self._current_bytes = 0

    def _leave(self, at_s: float, item: Item) -> Parcel:
        at_s = self._free_s = max(at_s, self._free_s)
        received_s = self._current.received_s if self._current else at_s
        if isinstance(item, Signal):
            self._end()
        else:
            self._current_bytes -= len(item)
        restamped = self.hit and self.stage.restamps
        return Parcel(at_s, at_s if restamped else received_s, item)

    def _end(self) -> None:
        self._ended = True
        self._finish()
        self._inbox.clear()
        self._inbox_bytes = 0

    def _timer(self) -> float | None:
        return self.stage.deadline() if self.hit and not self._ended else None
