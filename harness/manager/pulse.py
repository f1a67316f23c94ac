"""One link's pulse: when the next heartbeat is due, and since when a sign of life is owed."""

from __future__ import annotations


class Pulse:
    """The liveness of one link.

    Heartbeats go out at a fixed rate whatever comes in: the server counts only what it receives
    (`protocol.md §1.6`). What comes in counts as life whatever it is: a reply may be stuck behind a
    burst or a slow join. Only Phoenix frames count, since a server whose application hangs still
    answers WebSocket pings.
    """

    def __init__(self, opened_s: float, interval_s: float) -> None:
        self.opened_s = opened_s
        # The last sign of life.
        self.heard_s = opened_s
        self.next_beat_s = opened_s + interval_s
        # The oldest heartbeat that nothing was heard after.
        self.unanswered_since_s: float | None = None
        # Of the last heartbeat that was answered; None until one was.
        self.round_trip_s: float | None = None
        self._interval_s = interval_s
        self._ref: str | None = None
        self._beat_s = opened_s

    def beat(self, ref: str, now_s: float) -> None:
        """A heartbeat is sent."""
        self._ref = ref
        self._beat_s = now_s
        self.next_beat_s = now_s + self._interval_s
        if self.unanswered_since_s is None:
            self.unanswered_since_s = now_s

    def heard(self, now_s: float) -> None:
        """A Phoenix frame came in."""
        self.heard_s = now_s
        self.unanswered_since_s = None

    def answered(self, ref: object, now_s: float) -> None:
        """The answer to the newest heartbeat came in; one to an older heartbeat tells nothing."""
        if ref == self._ref:
            self.round_trip_s = now_s - self._beat_s

    def death_s(self, silence_allowed_s: float) -> float | None:
        """When silence becomes death; None while no answer is owed."""
        if self.unanswered_since_s is None:
            return None
        return self.unanswered_since_s + silence_allowed_s
