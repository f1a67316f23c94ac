"""One stream of one connection: its toxics in order, what they hold, and when it leaves."""

from __future__ import annotations

from collections import deque
from random import Random

from harness.toxics.draws import Draws
from harness.toxics.slot import Parcel, Slot
from harness.toxics.toxic import CHUNK_BYTES_MAX, Item, Signal, Toxic


class Chain:
    """Toxics in the order they were added, sans-I/O: whoever drives it owns the clock and timer.

    After every call that takes `now_s`, collect with `due`, then set a timer for `deadline`.
    Each toxic draws from a generator of its own, fixed by `rng` and the toxic's name, so that
    adding one never shifts the draws of another.
    """

    __slots__ = ("_key", "_names", "_now_s", "_ready", "_ready_bytes", "_resting", "_slots")

    def __init__(self, rng: Random) -> None:
        self._key = rng.getrandbits(64)
        self._slots: list[Slot] = []
        self._names: dict[str, None] = {}
        # Nothing is in any slot, and time alone brings nothing: no slot need be looked at.
        self._resting = True
        # What has left the last toxic and was not collected yet.
        self._ready: deque[Item] = deque()
        self._ready_bytes = 0
        self._now_s = 0.0

    def add(self, name: str, toxic: Toxic, now_s: float, *, hit: bool = True) -> None:
        """Put a toxic at the end. `hit` is what toxicity drew: without it everything passes.

        Raises `ValueError` if the chain has a toxic of that name.
        """
        if name in self._names:
            raise ValueError(f"the chain already has a toxic named {name!r}")
        self._advance(now_s)
        stage = toxic.start(Draws(f"{self._key}/{name}"), now_s)
        slot = Slot(name, toxic, stage, hit, now_s)
        self._slots.append(slot)
        self._names[name] = None
        self._resting = self._resting and slot.at_rest

    def update(self, name: str, toxic: Toxic, now_s: float, *, hit: bool = True) -> None:
        """Change the attributes of a toxic of the same type; what it is passing on goes at once.

        Raises `KeyError` if there is none of that name.
        """
        place = self._place(name)
        self._advance(now_s)
        self._resting = False
        for parcel in self._slots[place].update(toxic, hit, now_s):
            self._deliver(place + 1, parcel)
        self._advance(now_s)

    def remove(self, name: str, now_s: float) -> None:
        """Take a toxic out; all that it holds goes on at once, in order. Raises `KeyError`."""
        place = self._place(name)
        self._advance(now_s)
        slot = self._slots.pop(place)
        del self._names[name]
        for parcel in slot.empty(now_s):
            self._deliver(place, parcel)
        self._advance(now_s)

    def lets_by(self, data: bytes) -> bool:
        """Whether `data` passes every toxic at once and whole: then it has, and is not fed.

        The short way for what most chains do most of the time. It needs no clock.
        """
        if self._ready:
            return False
        for slot in self._slots:
            if not slot.lets_by(data):
                return False
        for slot in self._slots:
            slot.let_by(data)
        return True

    def feed(self, item: Item, now_s: float) -> None:
        """Take in what was received now; data is cut to what Toxiproxy reads at once."""
        self._advance(now_s)
        if isinstance(item, Signal) or not self._slots or len(item) <= CHUNK_BYTES_MAX:
            self._deliver(0, Parcel(now_s, now_s, item))
        else:
            for at in range(0, len(item), CHUNK_BYTES_MAX):
                self._deliver(0, Parcel(now_s, now_s, item[at : at + CHUNK_BYTES_MAX]))
        self._advance(now_s)

    def due(self, now_s: float) -> list[Item]:
        """What leaves now, in order."""
        self._advance(now_s)
        leaving = list(self._ready)
        self._ready.clear()
        self._ready_bytes = 0
        return leaving

    def deadline(self) -> float | None:
        """When `due` must be called next; `None` if only new input can bring something."""
        if self.at_rest:
            return None
        if self._ready:
            return self._now_s
        busy = (slot for slot in self._slots if not slot.at_rest)
        times_s = [time_s for slot in busy if (time_s := slot.deadline()) is not None]
        return min(times_s, default=None)

    @property
    def at_rest(self) -> bool:
        """Whether nothing waits to be collected, and only new input can bring something."""
        return self._resting and not self._ready

    @property
    def held_bytes(self) -> int:
        """Bytes taken in and not collected; swallowed ones do not count."""
        return self._ready_bytes + sum(slot.held_bytes for slot in self._slots)

    @property
    def full(self) -> bool:
        """Whether the sender must wait: toxics hold no more than Toxiproxy's do.

        A stage that stalls fills those before it, never those behind it.
        """
        if self._resting:
            return False
        held = room = 0
        for slot in self._slots:
            held += slot.held_bytes
            room += slot.toxic.holds_bytes_max
            if held >= room:
                return True
        return False

    @property
    def idle(self) -> bool:
        """Whether the chain would hand an item straight back: no toxics, nothing kept."""
        return not self._slots and not self._ready

    def _place(self, name: str) -> int:
        for place, slot in enumerate(self._slots):
            if slot.name == name:
                return place
        names = ", ".join(self._names) or "none"
        raise KeyError(f"no toxic named {name!r} in the chain; there are: {names}")

    def _advance(self, now_s: float) -> None:
        self._now_s = max(self._now_s, now_s)
        if self._resting:
            return
        for place, slot in enumerate(self._slots):
            if not slot.at_rest:
                self._advance_slot(place, self._now_s)
        self._resting = all(slot.at_rest for slot in self._slots)

    def _advance_slot(self, place: int, until_s: float) -> None:
        for parcel in self._slots[place].advance(until_s):
            self._deliver(place + 1, parcel)

    def _deliver(self, place: int, parcel: Parcel) -> None:
        """Hand a parcel to a place, whose own earlier deadlines come first."""
        if place == len(self._slots):
            self._ready.append(parcel.item)
            self._ready_bytes += parcel.bytes
        else:
            self._advance_slot(place, parcel.arrived_s)
            self._slots[place].accept(parcel)
            self._resting = False
