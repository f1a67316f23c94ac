"""Who is subscribed to changes, and when the worker behind them does what (§3.5, §3.6)."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from fake_server.changes.subscriptions import Made
from fake_server.database import Caller

POLL_INTERVAL_S = 0.1
IDLE_INTERVAL_S = 0.5
"""How often the log is read, soon after rows and when there were none."""
CHECK_INTERVAL_S = 60.0
"""How often the worker looks at the publication, and whether it has subscribers."""
NO_SUBSCRIBERS_S = 600.0
"""It stops when it has had none for so long, at the next look."""
_TIMEOUTS_WINDOW_S = 30.0
_TIMEOUTS_MAX = 4
"""So many database timeouts in the window, and nobody may subscribe (`protocol.md §7.3`)."""

Plan = Literal["subscribe", "subscribe late", "tell"]
"""What is to be done for a channel: subscribe it, the same after it was late enough, or say once
more that it is subscribed."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A channel with its subscriptions, under the claims with which they were made."""

    channel: Any
    caller: Caller
    made: tuple[Made, ...]


@dataclass(eq=False, slots=True)
class Feed:
    """The subscriptions of a tenant; a channel that has ended is told by `drop`."""

    subscribers: dict[Any, Subscriber] = field(default_factory=dict)
    """By channel, in the order of subscribing."""
    _up_s: float | None = None
    """Since when the worker is up, or when it will be; None while nobody has asked for it."""
    _deserted_s: float | None = None
    """Since when it has no subscribers; None while it has some."""
    left: bool = False
    """The last subscriber has just left, and when that was is to be noted."""
    _publication: object = None
    """What the publication held when the worker looked last."""
    _polled_s: float = -math.inf
    _interval_s: float = POLL_INTERVAL_S
    _planned: list[tuple[float, int, Any, Plan]] = field(default_factory=list)
    _plans_made: int = 0
    _timeouts_s: deque[float] = field(default_factory=deque)

    # Plans.

    def plan(self, channel: Any, when_s: float, what: Plan = "subscribe") -> None:
        """Do this for the channel then."""
        self._plans_made += 1
        heapq.heappush(self._planned, (when_s, self._plans_made, channel, what))

    def planned(self, now_s: float) -> list[tuple[Any, Plan]]:
        """The channels whose time has come, and what for."""
        due = []
        while self._planned and self._planned[0][0] <= now_s:
            due.append(heapq.heappop(self._planned)[2:])
        return due

    # The worker.

    def wake(self, now_s: float, cold_s: float, publication: object) -> float:
        """Somebody wants to subscribe: from when on that can be done. A worker that sleeps is
        started, and that takes `cold_s`."""
        if self.sleeps(now_s):
            self._up_s = self._deserted_s = now_s + cold_s
            self._publication = publication
            self._polled_s, self._interval_s = self._up_s, POLL_INTERVAL_S
        assert self._up_s is not None
        return max(now_s, self._up_s)

    def sleeps(self, now_s: float) -> bool:
        """Whether the worker has not been started, or has stopped for want of subscribers."""
        if self._up_s is None or self._deserted_s is None:
            return self._up_s is None
        return now_s >= self._look_s(self._deserted_s) + NO_SUBSCRIBERS_S

    def _look_s(self, since_s: float) -> float:
        """When the worker looks at things for the first time since then."""
        assert self._up_s is not None
        looks = max(1, math.ceil((since_s - self._up_s) / CHECK_INTERVAL_S))
        return self._up_s + looks * CHECK_INTERVAL_S

    def die(self) -> None:
        """The worker is gone, and with it all subscriptions; nobody is told."""
        self.subscribers.clear()
        self.left, self._up_s, self._deserted_s = False, None, None

    def add(self, subscriber: Subscriber) -> None:
        """Subscribe, or replace what this channel had."""
        self.subscribers[subscriber.channel] = subscriber
        self.left, self._deserted_s = False, None

    def drop(self, channel: Any) -> None:
        """Forget the subscriptions of a channel."""
        if self.subscribers.pop(channel, None) is not None:
            self.left = not self.subscribers

    def note_departure(self, now_s: float) -> None:
        """If the last subscriber has left, it was now."""
        if self.left:
            self.left, self._deserted_s = False, now_s

    # The publication.

    def next_look_s(self, publication: object, changed_s: float) -> float | None:
        """When the worker finds that the publication, changed then, holds something else; None
        when that is of no consequence."""
        if not self.subscribers or publication == self._publication:
            return None
        return self._look_s(changed_s)

    def look(self, publication: object) -> list[Subscriber]:
        """The publication has changed: who has to subscribe again."""
        self._publication = publication
        told = list(self.subscribers.values())
        self.subscribers.clear()
        return told

    # The log.

    def polled(self, now_s: float) -> None:
        """The log was read and had rows: it is read again soon, and then less often."""
        self._polled_s, self._interval_s = now_s, POLL_INTERVAL_S

    def next_plan_s(self) -> float | None:
        """When the first of the plans is due."""
        return self._planned[0][0] if self._planned else None

    def next_poll_s(self, changes_since_s: float | None) -> float | None:
        """When the log is read next, if it holds changes since then; None without subscribers."""
        if not self.subscribers or changes_since_s is None:
            return None
        first_s = self._polled_s + self._interval_s
        idle_polls = max(0, math.ceil((changes_since_s - first_s) / IDLE_INTERVAL_S))
        return first_s + idle_polls * IDLE_INTERVAL_S

    # Database timeouts.

    def timed_out(self, now_s: float) -> None:
        """A subscription ran into a timeout of the database."""
        self._timeouts_s.append(now_s)

    def sheds(self, now_s: float) -> bool:
        """Whether there were so many of them lately that nobody may try."""
        while self._timeouts_s and self._timeouts_s[0] <= now_s - _TIMEOUTS_WINDOW_S:
            self._timeouts_s.popleft()
        return len(self._timeouts_s) >= _TIMEOUTS_MAX
