"""Takes down the history of one run as it happens, and knows who has heard what."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.checkers.answers import AT_ONCE
from harness.history import Op, Type
from harness.redact import redact, redact_value
from harness.store import HistoryWriter

ITEMS_MAX = 1000
"""A client that says more than this in one op is cut short, visibly."""

REFUSED_MAX = 5
"""So many different things that clients said wrongly are told."""

NO_CLIENTS = frozenset({"source", "nemesis", "server", "network", "run"})
"""The processes of a history that are no clients."""

TICK_S = 1e-6
"""In virtual time many things happen at one instant. Ops stand at least this far apart, so that
"before" means the same by time as by order."""


class Recorder:
    """Stamps ops with the run's clock, keeps secrets out, and remembers who has heard what."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer
        self.refused: dict[str, None] = {}
        # The calls of clients, by id, that are to be answered at once and have not been.
        self._under_way: dict[int | None, None] = {}
        self._now_s: Callable[[], float] = lambda: 0.0
        self._ids = itertools.count(1)
        self._ended = False
        self._last_s = -TICK_S
        # (client, topic) → the highest number of the source that it has received
        self._heard: dict[tuple[str, str], int] = {}
        # (client, topic) → whether its feed of changes is said to be live; if it listens at all
        self._feeds: dict[tuple[str, str], bool] = {}
        # (client, topic) → the highest number of a row that it has been told of
        self._changed: dict[tuple[str, str], int] = {}
        # (client, topic) → whether the application wants it
        self._wanted: dict[tuple[str, str], bool] = {}

    def start(self, now_s: Callable[[], float]) -> None:
        """From here on the clock is the world's."""
        self._now_s = now_s

    def end(self) -> None:
        """Nothing that happens from now on belongs to the run."""
        self._ended = True

    def record(self, op: Op) -> Op:
        """Stamp an op, write it down, return it stamped."""
        self._last_s = max(self._now_s(), self._last_s + TICK_S)
        stamped = replace(
            op,
            time_s=self._last_s,
            value=redact_value(op.value, math.inf if op.process in NO_CLIENTS else ITEMS_MAX),
            error=redact(str(op.error)) if op.error else None,
        )
        if not self._ended:
            self._writer.append(stamped)
            if op.f == "received":
                self._hear(op)
            elif op.process not in NO_CLIENTS:
                self._follow_feed(op)
        return stamped

    def refuse(self, why: str) -> None:
        """A client said what no checker could read: written down once, in place of it."""
        if not self._ended and len(self.refused) < REFUSED_MAX and why not in self.refused:
            self.refused[why] = None
            self.info("run", "unreadable", {"why": why})

    def info(self, process: str, f: str, value: Mapping[str, Any]) -> None:
        """Write down something that merely happened."""
        self.record(Op(process=process, type="info", f=f, value=value))

    def invoke(self, process: str, f: str, value: Mapping[str, Any]) -> Op:
        """Write down that a call begins; its completion carries the same id."""
        op = Op(process=process, type="invoke", f=f, value=value, id=next(self._ids))
        if f in AT_ONCE:
            self._under_way[op.id] = None
        return self.record(op)

    def complete(self, op: Op, type: Type, error: str | None = None, **more: object) -> None:
        """Write down how a call ended; `more` is what its value says besides."""
        self._under_way.pop(op.id, None)
        self.record(replace(op, type=type, error=error, value={**op.value, **more}))

    def want(self, client: str, topic: str, wanted: bool) -> None:
        """The application wants this channel from now on, or no longer."""
        self._wanted[client, topic] = wanted
        self.info("run", "wanted", {"client": client, "topic": topic, "wanted": wanted})

    @property
    def all_answered(self) -> bool:
        """Whether no call is under way that needs not wait for the server."""
        return not self._under_way

    def all_heard(self, since: Mapping[str, int], topics: Iterable[str]) -> bool:
        """Whether each wanted channel has heard a number at or above its topic's in `since`."""
        known = dict.fromkeys(topics)
        return all(
            self._heard.get((client, topic), -1) >= since[topic]
            for (client, topic), wanted in self._wanted.items()
            if wanted and topic in known
        )

    def all_live(self, since: int) -> bool:
        """Whether each wanted channel that listens to changes has a live feed, and was told of a
        row at or above this number."""
        return all(
            self._feeds[channel] and self._changed.get(channel, 0) >= since
            for channel, wanted in self._wanted.items()
            if wanted and channel in self._feeds
        )

    def _follow_feed(self, op: Op) -> None:
        channel = op.process, str(op.value.get("topic"))
        if op.f == "subscribe" and op.value.get("changes"):
            self._feeds.setdefault(channel, False)
        elif op.f == "feed_live":
            self._feeds[channel] = True
        elif op.f in ("feed_lost", "lost", "closed") and channel in self._feeds:
            self._feeds[channel] = False
        elif op.f == "changed" and isinstance(op.value.get("id"), int):
            self._changed[channel] = max(self._changed.get(channel, 0), op.value["id"])

    def _hear(self, op: Op) -> None:
        if op.value.get("sender") != "source":
            return
        key = op.process, str(op.value.get("topic"))
        number = op.value.get("id")
        if isinstance(number, int):
            self._heard[key] = max(self._heard.get(key, -1), number)
