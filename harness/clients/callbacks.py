"""What goes wrong in an application's callbacks within a process of its own: slow, or raising."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.clients.contract import CallbackRaised
from harness.history import Op


class Callbacks:
    """The callbacks of one process, in order until `slow` or `raising`.

    `hold_up` makes the process stand still for so many seconds.
    """

    def __init__(self, hold_up: Callable[[float], None]) -> None:
        self._hold_up = hold_up
        self._slow_s = 0.0
        self._raising, self._raises_left = "", 0.0

    def slow(self, seconds: float) -> None:
        """Each callback of a message takes so long from now on; 0 ends that."""
        self._slow_s = seconds

    def raising(self, event: str, count: int | None) -> None:
        """The next `count` callbacks of an event raise; None is all of them, 0 ends that."""
        self._raising = event
        self._raises_left = math.inf if count is None else count

    def happen(self, op: Op) -> None:
        """The application has its way, after what the client said. Raises `CallbackRaised`."""
        if self._slow_s and op.f == "received":
            self._hold_up(self._slow_s)
        if self._raises_left > 0 and op.f == self._raising:
            self._raises_left -= 1
            raise CallbackRaised(f"the application failed in a callback of {op.f!r}")
