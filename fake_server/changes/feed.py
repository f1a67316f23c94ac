"""Who is subscribed, who will be, and when the log of changes is read next."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Any

from fake_server.changes.subscriptions import Subscription
from fake_server.database import Caller

POLL_INTERVAL_S = 0.1
IDLE_INTERVAL_S = 0.5
"""How often the log is read (`protocol.md §3.6`), soon after rows and when there were none."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A channel with its subscriptions, under the claims with which they were made."""

    channel: Any
    caller: Caller
    subscriptions: tuple[Subscription, ...]


@dataclass(eq=False, slots=True)
class Feed:
    """The subscriptions of a tenant; a channel that has ended is told by `drop`."""

    subscribers: dict[Any, Subscriber] = field(default_factory=dict)
    """By channel, in the order of subscribing."""
    _polled_s: float = -math.inf
    _interval_s: float = POLL_INTERVAL_S
    _planned: list[tuple[float, int, Any]] = field(default_factory=list)
    _plans_made: int = 0

    def plan(self, channel: Any, when_s: float) -> None:
        """Subscribe this channel then."""
        self._plans_made += 1
        heapq.heappush(self._planned, (when_s, self._plans_made, channel))

    def planned(self, now_s: float) -> list[Any]:
        """The channels whose time has come; each is named once."""
        due = []
        while self._planned and self._planned[0][0] <= now_s:
            due.append(heapq.heappop(self._planned)[2])
        return due

    def add(self, subscriber: Subscriber, now_s: float) -> None:
        """Subscribe, or replace what this channel had."""
        if not self.subscribers:
            self._polled_s, self._interval_s = now_s, POLL_INTERVAL_S
        self.subscribers[subscriber.channel] = subscriber

    def drop(self, channel: Any) -> None:
        """Forget the subscriptions of a channel."""
        self.subscribers.pop(channel, None)

    def polled(self, now_s: float) -> None:
        """The log was read and had rows: it is read again soon, and then less often."""
        self._polled_s, self._interval_s = now_s, POLL_INTERVAL_S

    def next_due_s(self, changes_since_s: float | None) -> float | None:
        """When something is to be done next; `changes_since_s` is when the first change that
        waits was committed, and without any the log need not be looked at."""
        due_s = [self._planned[0][0]] if self._planned else []
        poll_s = None if changes_since_s is None else self.next_poll_s(changes_since_s)
        if poll_s is not None:
            due_s.append(poll_s)
        return min(due_s, default=None)

    def next_poll_s(self, changes_since_s: float) -> float | None:
        """When the log is read next, if it holds changes since then; None without subscribers."""
        if not self.subscribers:
            return None
        first_s = self._polled_s + self._interval_s
        idle_polls = max(0, math.ceil((changes_since_s - first_s) / IDLE_INTERVAL_S))
        return first_s + idle_polls * IDLE_INTERVAL_S
