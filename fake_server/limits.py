"""How often things may happen: averages over ticks, and who counts as a connected user.

Nothing here has a timer. A counter works out, whenever it is asked, which of its ticks have passed
since, so that a server which nobody uses costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_IDLE_CHECK_S = 300.0


class Counter:
    """The average of what happened a second, as it was at the last tick (`protocol.md §7.4`).

    What is counted between two ticks is one bucket; the average is over at most `buckets_max` of
    them. The first tick comes at the first use, so that the first bucket is empty. A counter whose
    buckets are all empty when it is looked at, every 5 minutes, ends, and begins anew at its next
    use.
    """

    def __init__(self, tick_s: float = 5.0, buckets_max: int = 12) -> None:
        self._tick_s = tick_s
        self._buckets_max = buckets_max
        self._buckets: list[int] = []
        self._count = 0
        self._next_tick_s = 0.0
        self._next_check_s = 0.0

    def begin(self, now_s: float) -> None:
        """Tick from now on, unless it does already."""
        self._advance(now_s)

    def add(self, now_s: float, count: int = 1) -> None:
        """Count what happens now."""
        self._advance(now_s)
        self._count += count

    def average(self, now_s: float) -> float:
        """How many a second, at the last tick; asking is a use."""
        self._advance(now_s)
        return sum(self._buckets) / len(self._buckets) / self._tick_s

    def total(self, now_s: float) -> int:
        """How many there were in all buckets, at the last tick; asking is no use."""
        if not self._buckets:
            return 0
        self._advance(now_s)
        return sum(self._buckets)

    def reached(self, now_s: float, limit: float) -> bool:
        """Whether the limit was reached at the last tick; it cannot change between ticks."""
        return self.average(now_s) >= limit

    def restart(self) -> None:
        """Forget everything; the next use is the first."""
        self._buckets = []

    def _advance(self, now_s: float) -> None:
        while self._buckets and self._next_tick_s <= now_s:
            self._tick()
        if not self._buckets:
            self._buckets, self._count = [0], 0
            self._next_tick_s = now_s + self._tick_s
            self._next_check_s = now_s + _IDLE_CHECK_S
        # A clock that was set back must not stop the ticks.
        self._next_tick_s = min(self._next_tick_s, now_s + self._tick_s)

    def _tick(self) -> None:
        self._buckets = [self._count, *self._buckets[: self._buckets_max - 1]]
        self._count = 0
        if self._next_tick_s >= self._next_check_s:
            self._next_check_s += _IDLE_CHECK_S
            if not any(self._buckets):
                self.restart()
        self._next_tick_s += self._tick_s


@dataclass(eq=False, slots=True)
class Limits:
    """What one tenant has used of its limits on this node."""

    joins: Counter = field(default_factory=Counter)
    """Joins that were allowed."""
    events: Counter = field(default_factory=Counter)
    """Messages that came from anywhere, and each delivery of one to a channel."""
    presence: Counter = field(default_factory=Counter)
    """Presences tracked, and each state and difference that was delivered."""
    changes: Counter = field(default_factory=Counter)
    """Postgres changes, each once for every subscription that it matches."""
    requests: Counter = field(default_factory=lambda: Counter(tick_s=1.0, buckets_max=60))
    """Calls of the REST API."""
    connect_errors: Counter = field(default_factory=lambda: Counter(tick_s=1.0, buckets_max=5))
    """Connections to the database that failed."""
    authorization_errors: Counter = field(
        default_factory=lambda: Counter(tick_s=1.0, buckets_max=30)
    )
    """Looks at row policies for which the pool had no connection."""
    users: dict[int, None] = field(default_factory=dict)
    """The connections that have joined something since they were opened (`protocol.md §7.3`)."""

    def joined(self, now_s: float) -> None:
        """A channel was joined: it begins to count what it will hear, so that the time until the
        first message is in the average of that."""
        self.events.begin(now_s)
        self.presence.begin(now_s)
