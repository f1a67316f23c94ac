"""The event loop of the embedded server's process on Linux: uvloop, with timers to the µs.

libuv counts whole milliseconds and may fire up to one too soon (`toxiproxy.md` §5), where a toxic
must be true to a tenth of one. Here `call_at` has a timer of the kernel's own.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple, Unpack

import uvloop

from harness.toxiproxy.timer_file import TimerFile

Ts = TypeVarTuple("Ts")

CANCELLED_MAX = 100
"""About so many cancelled timers wait in the heap, or half of all, before they are taken out."""


class FastLoop(uvloop.Loop):
    """uvloop's loop, whose `time` and `call_at` know more than milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = TimerFile()
        self._timer_s = math.inf
        self._scheduled: list[asyncio.TimerHandle] = []
        self._cancelled = 0
        self.add_reader(self._timer.fd, self._ring)

    def time(self) -> float:
        """The clock itself, and not what it showed when this turn of the loop began."""
        return time.monotonic()

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at a time of `time`, never earlier."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, handle)
        if when < self._timer_s:
            self._timer_s = when
            self._timer.set(when)
        return handle

    def close(self) -> None:
        """End the loop and give its timer back."""
        if not self.is_closed():
            self.remove_reader(self._timer.fd)
            self._timer.close()
        super().close()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio's own hook, called just before the handle calls itself cancelled."""
        self._cancelled += 1
        if self._cancelled > max(CANCELLED_MAX, len(self._scheduled) / 2):
            self._scheduled = [
                other for other in self._scheduled if not (other.cancelled() or other is handle)
            ]
            heapq.heapify(self._scheduled)
            self._cancelled = 0

    def _ring(self) -> None:
        """Call what is due; what is scheduled by that for now waits for another turn."""
        now_s, due = self.time(), []
        while self._scheduled and self._scheduled[0].when() <= now_s:
            due.append(heapq.heappop(self._scheduled))
        self._timer_s = -math.inf  # no earlier one is set by what is called here
        try:
            for handle in due:
                if not handle.cancelled():
                    handle._run()
        finally:
            self._timer_s = self._scheduled[0].when() if self._scheduled else math.inf
            self._timer.set(self._timer_s)
