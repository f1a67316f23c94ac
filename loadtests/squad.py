"""The users of one Locust process, seen from its greenlets.

The crew lives in the asyncio thread; the rows that come back are for Locust's statistics.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from typing import Any

import gevent

from loadtests.bridge import Bridge
from loadtests.crew import Crew, Plan
from loadtests.measure import REQUEST_TYPES, Row
from loadtests.target import Target
from loadtests.user import SETTLE_WITHIN_S

CALL_WITHIN_S = 10.0
LEAVE_WITHIN_S = SETTLE_WITHIN_S + CALL_WITHIN_S

_log = logging.getLogger("squall")


class Squad:
    """Starts with each test, settles with its end; in between users come and go.

    A user that comes when there is no test, or a test that has settled, does nothing.
    """

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._numbers = itertools.count(1)
        self._running: tuple[Bridge[Row], Crew] | None = None

    def start(self, target: Target, *, seed: int, rate_per_s: float, process: int) -> None:
        """Make the thread and an empty crew."""
        # Two load tests against one project must not hear each other.
        plan = Plan(target, 1 / rate_per_s, seed, process, f"load/{secrets.token_hex(8)}")
        bridge = Bridge(self._to_locust)
        self._running = bridge, Crew(plan, bridge.post)

    def enter(self) -> int:
        """One more user; returns its number."""
        number = next(self._numbers)
        if self._running:
            bridge, crew = self._running
            bridge.call(lambda: crew.start(number), CALL_WITHIN_S)
        return number

    def leave(self, number: int) -> None:
        """One user goes while the others stay."""
        if self._running:
            bridge, crew = self._running
            bridge.call(lambda: crew.leave(number), LEAVE_WITHIN_S)

    def snapshot(self) -> dict[str, Any] | None:
        """The tally as it stands, as JSON values; None when no test runs, or none comes in time."""
        if not self._running:
            return None
        bridge, crew = self._running
        try:
            return bridge.call(crew.snapshot, CALL_WITHIN_S)
        except gevent.Timeout:
            # Raised on, it would end the greenlet that sends Locust's own reports.
            _log.warning("the users are too busy to be counted")
            return None

    def settle(self) -> dict[str, Any] | None:
        """Wait for what is under way, close every user, end the thread; returns the last tally.

        None when no test runs, or when it could not be settled in time.
        """
        if not self._running:
            return None
        bridge, crew = self._running
        try:
            return bridge.call(crew.settle, LEAVE_WITHIN_S)
        except gevent.Timeout:
            _log.error("the users did not settle within %g s", LEAVE_WITHIN_S)
            return None
        finally:
            self._end(bridge)

    def _end(self, bridge: Bridge[Row]) -> None:
        # Of two that settle at once, as Ctrl-C and the master's word may, the first ends it.
        if self._running and self._running[0] is bridge:
            self._running = None
            bridge.close()
            if bridge.dropped:
                _log.warning("%d rows are missing in Locust's statistics", bridge.dropped)

    def _to_locust(self, row: Row) -> None:
        self._environment.events.request.fire(
            request_type=REQUEST_TYPES[row.name],
            name=row.name,
            response_time=None if row.response_s is None else row.response_s * 1000,
            response_length=0,
            exception=row.exception,
            context={},
        )
