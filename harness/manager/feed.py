"""One channel's feed of changes without I/O: when it is live, and what it may have missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from harness.manager.backoff import rung
from harness.manager.changes import Change, ChangeBinding, Ids, change_of, ids_of
from harness.manager.config import Config
from harness.manager.events import FeedGap, FeedLive, FeedLost
from harness.manager.outlet import Outlet
from harness.manager.states import FEED_TRANSITIONS, FeedState, step

JITTER = 1.5
"""A wait is drawn between its step and so many times it: a feed dies for everybody at once."""


class Feed:
    """What is known of the changes that a channel asked for; without any it is always off.

    The server answers the join before it has subscribed the channel (`protocol.md §3.5`), says
    later that it has or could not, and says nothing at all when the feed dies. So a feed is live
    from the server's word for it, or from a change, until it is refused or lost; and one from which
    nothing was heard for long is joined again, for a dead feed looks like a quiet one.
    """

    def __init__(
        self,
        topic: str,
        bindings: Sequence[ChangeBinding],
        *,
        config: Config,
        outlet: Outlet,
        rng: Random,
        came_s: Callable[[float], float],
    ) -> None:
        self.state = FeedState.OFF
        # When the channel has to be joined again because of its feed; None: it need not.
        self.due_s: float | None = None
        # Why it will have to be, or why it is not live.
        self.reason = "not joined"
        self._topic = topic
        self._bindings = bindings
        self._config = config
        self._outlet = outlet
        self._rng = rng
        self._came_s = came_s
        self._ids: Ids = {}
        # What the current join asked for and the server did not echo: no feed of it is whole.
        self._missing: Sequence[ChangeBinding] = ()
        # The last change or confirmation, as early as it may have come: what came later than that
        # may be missing.
        self._sign_s = 0.0
        # Since when changes may be missing; None while that is told, or before it was ever live.
        self._gap_from_s: float | None = None
        # Rejoins in a row that brought no confirmation, and those that brought no change.
        self._unconfirmed = 0
        self._silences = 0

    def joined(self, response: Any, now_s: float) -> None:
        """The join was answered; the server subscribes the channel now."""
        if not self._bindings:
            return
        self._step("joined")
        self._await_confirmation(now_s, "the server did not confirm the subscription to changes")
        self._ids = ids_of(self._bindings, response)
        known = [binding for of_id in self._ids.values() for binding in of_id]
        self._missing = [binding for binding in self._bindings if binding not in known]
        if self._missing:
            self._refused(f"the server's answer to the join lacks {self._missing[0]}", now_s)

    def noticed(self, status: str, message: str, now_s: float) -> None:
        """The server said how the subscription went (`protocol.md §3.4`); it may say so again."""
        if self.state is FeedState.OFF:
            return
        if status != "ok":
            self._refused(message, now_s)
        elif not self._missing:
            self._confirmed(now_s)

    def received(self, payload: Any, now_s: float) -> Change | None:
        """A change came in: its own proof that the feed is live. None if nobody asked for it.

        Raises `MalformedMessage`.
        """
        if self.state is FeedState.OFF:
            return None
        change = change_of(payload, self._ids)
        if change is None:
            self._outlet.stats.stale += 1
            return None
        self._outlet.stats.changes_received += 1
        self._silences = 0
        if not self._missing:
            self._live("change", now_s)
        return change

    def lost(self, reason: str, *, told: bool) -> None:
        """The channel is no longer joined."""
        if self.state is FeedState.OFF:
            return
        was_live = self.state is FeedState.LIVE
        self._open_gap()
        self._step("lost")
        self.due_s, self.reason = None, reason
        if told and was_live:
            self._outlet.emit(FeedLost(self._topic, reason))

    def overdue(self) -> str:
        """It is time to join the channel again; returns why."""
        if self.state is FeedState.LIVE:
            self._silences += 1
        else:
            self._unconfirmed += 1
            self._outlet.emit(FeedLost(self._topic, self.reason))
        self._outlet.stats.feed_renewals += 1
        return self.reason

    # Private parts.

    def _confirmed(self, now_s: float) -> None:
        # Again while it is live: the server has subscribed the channel anew, for a new token or
        # other tables, and nobody knows what it missed meanwhile (§3.5).
        self._open_gap()
        self._live("confirmed", now_s)

    def _live(self, event: str, now_s: float) -> None:
        was_live = self.state is FeedState.LIVE
        self._step(event)
        self._sign_s = self._came_s(now_s)
        self._unconfirmed = 0
        self._await_sign(now_s)
        if not was_live:
            self._outlet.emit(FeedLive(self._topic))
            self._outlet.wake()
        if self._gap_from_s is not None:
            self._outlet.stats.feed_gaps += 1
            self._outlet.emit(FeedGap(self._topic, self._gap_from_s, now_s))
            self._gap_from_s = None

    def _refused(self, reason: str, now_s: float) -> None:
        self._open_gap()
        self._step("refused")
        self._await_confirmation(now_s, reason)
        self._outlet.emit(FeedLost(self._topic, reason))

    def _open_gap(self) -> None:
        if self.state is FeedState.LIVE:
            self._gap_from_s = self._sign_s - self._config.feed_lag_max_s

    def _await_confirmation(self, now_s: float, reason: str) -> None:
        ladder_s = self._config.feed_confirm_ladder_s
        self._arm(now_s, ladder_s, self._unconfirmed, reason)

    def _await_sign(self, now_s: float) -> None:
        ladder_s = self._config.feed_silence_ladder_s
        self._arm(now_s, ladder_s, self._silences, "no change came for long: the feed may be dead")

    def _arm(self, now_s: float, ladder_s: Sequence[float], index: int, reason: str) -> None:
        self.reason = reason
        if not ladder_s:
            self.due_s = None
            return
        step_s = rung(ladder_s, index)
        self.due_s = now_s + self._rng.uniform(step_s, JITTER * step_s)

    def _step(self, event: str) -> None:
        self.state = step(FEED_TRANSITIONS, self.state, event)
