"""Notices that the process stood still: it was suspended, its machine slept, its loop blocked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_EVERY_S = 1.0
STOOD_STILL_S = 1.0
"""A look that comes later than this shows a standstill; one of 2 s or less may go unseen, which
`Config.broadcast_lag_max_s` and `Config.feed_lag_max_s` allow for."""

OnWake = Callable[[float], None]
"""Told for how many seconds of the loop's clock nothing ran at most: since the last look."""


class Watch:
    """Looks at the clocks once a second while it is on, and tells of each standstill once.

    The loop's clock shows what stopped the process alone. On Linux it stops while the machine
    sleeps; only the wall clock has gone on then. That somebody has set the wall clock looks the
    same, and costs no more than a question to the server. A loop's clock that was set back hides
    how long nothing ran, and would have the next look far away.
    """

    def __init__(self, on_wake: OnWake) -> None:
        self._on_wake = on_wake
        self._timer: asyncio.TimerHandle | None = None
        # When it looked last, by both clocks.
        self._looked_s = 0.0
        self._wall_s = 0.0

    def start(self) -> None:
        """Look from now on; does nothing if it does already."""
        if self._timer is None:
            self._look_later(asyncio.get_running_loop().time())

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Look before anything else is done or believed after so long a silence."""
        passed_s, wall_passed_s = self._passed_s()
        if self._timer is not None and _stood(passed_s, wall_passed_s):
            self._turn()

    def _turn(self) -> None:
        passed_s, wall_passed_s = self._passed_s()
        self.stop()
        self._look_later(asyncio.get_running_loop().time())
        if _stood(passed_s, wall_passed_s):
            self._on_wake(max(0.0, passed_s))

    def _passed_s(self) -> tuple[float, float]:
        """Since it looked last, by both clocks."""
        now_s = asyncio.get_running_loop().time()
        return now_s - self._looked_s, time.time() - self._wall_s

    def _look_later(self, now_s: float) -> None:
        self._looked_s, self._wall_s = now_s, time.time()
        self._timer = asyncio.get_running_loop().call_at(now_s + LOOK_EVERY_S, self._turn)


def _stood(passed_s: float, wall_passed_s: float) -> bool:
    return passed_s < 0 or max(passed_s, wall_passed_s) > LOOK_EVERY_S + STOOD_STILL_S
