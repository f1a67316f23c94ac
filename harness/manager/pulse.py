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
        # The last sign of life, as early as it may have come; and since when none was read.
        self.heard_s = self.quiet_since_s = opened_s
        self.next_beat_s = opened_s + interval_s
        # The oldest heartbeat that nothing was heard after.
        self.unanswered_since_s: float | None = None
        # Since when a join waits for its answer, and nothing else was heard either.
        self.asked_since_s: float | None = None
        # Of the last heartbeat that was answered; None until one was.
        self.round_trip_s: float | None = None
        # When we stood still, if no answer has proven the link since.
        self._stood_from_s: float | None = None
        self._interval_s = interval_s
        self._ref: str | None = None
        self._beat_s = opened_s

    @property
    def is_woken(self) -> bool:
        """Whether we stood still, and no answer has proven the link since."""
        return self._stood_from_s is not None

    def came_s(self, now_s: float) -> float:
        """When what is read now came, at the earliest.

        After a standstill it may have waited in the kernel's buffer for as long, and the peer may
        have been gone since.
        """
        return now_s if self._stood_from_s is None else self._stood_from_s

    def beat(self, ref: str, now_s: float) -> None:
        """A heartbeat is sent."""
        self._ref = ref
        self._beat_s = now_s
        self.next_beat_s = now_s + self._interval_s
        if self.unanswered_since_s is None:
            self.unanswered_since_s = now_s

    def asked(self, now_s: float) -> None:
        """A join is sent."""
        if self.asked_since_s is None:
            self.asked_since_s = now_s

    def woke(self, stood_s: float, now_s: float) -> None:
        """We stood still, at most for so long, in which the peer was not silent; call `beat` next.

        What is unread since an earlier standstill still is.
        """
        if self.asked_since_s is not None:
            self.asked_since_s = min(now_s, self.asked_since_s + stood_s)
        if self.is_woken and self.unanswered_since_s is not None:
            self.unanswered_since_s = min(now_s, self.unanswered_since_s + stood_s)
        else:
            self.unanswered_since_s = now_s
        if self._stood_from_s is None:
            self._stood_from_s = max(self.heard_s, now_s - stood_s)
        self.quiet_since_s = now_s

    def heard(self, now_s: float, *, asked: bool) -> None:
        """A Phoenix frame came in; `asked` says whether joins still wait for their answers."""
        self.heard_s = self.came_s(now_s)
        self.quiet_since_s = now_s
        # Just woken, it may have waited here since before.
        self.unanswered_since_s = now_s if self.is_woken else None
        self.asked_since_s = now_s if asked else None

    def answered(self, ref: object, now_s: float) -> None:
        """The answer to the newest heartbeat came in; one to an older heartbeat tells nothing."""
        if ref == self._ref:
            self._stood_from_s = None
            self.unanswered_since_s = None
            self.round_trip_s = now_s - self._beat_s

    def death_s(self, beat_silence_s: float, join_silence_s: float) -> float | None:
        """When silence becomes death: after a heartbeat or after a join, whichever is earlier.

        None while nothing is owed.
        """
        owed = (
            (self.unanswered_since_s, beat_silence_s),
            (self.asked_since_s, join_silence_s),
        )
        return min((since + silence for since, silence in owed if since is not None), default=None)
