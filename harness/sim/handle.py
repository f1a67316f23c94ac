"""Callbacks and timers that know whose they are, and wait while their host stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

from harness.sim.host import HOST, Host


class SimHandle(asyncio.Handle):
    """A callback of one host, or of none."""

    __slots__ = ("host",)

    # CPython's, not in the type stubs.
    _context: Context

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        super().__init__(callback, args, loop, context)
        self.host: Host | None = self._context.get(HOST)

    def _run(self) -> None:
        if self.host is not None and self.host.stands:
            self.host.park(self)
        else:
            super()._run()


class SimTimer(asyncio.TimerHandle):
    """A timer that is due by the clock of its host."""

    __slots__ = ("_shown_s", "host")

    # CPython's, not in the type stubs: the loop's heap is ordered by it. Here it is the true time.
    _when: float
    _context: Context

    def __init__(
        self,
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        super().__init__(when_s, callback, args, loop, context)
        self.host: Host | None = self._context.get(HOST)
        self._shown_s = when_s
        self.reset()

    def when(self) -> float:
        """When it is due, as the clock of its host shows it."""
        return self._shown_s

    @property
    def true_s(self) -> float:
        """When it is due in truth, if nobody touches the clock."""
        return self._when

    def reset(self) -> None:
        """Find out when it is due; the heap has to be made anew."""
        if self.host is not None:
            self._when = self.host.clock.moment_of(self._shown_s)

    def _run(self) -> None:
        if self.host is not None and self.host.stands:
            self.host.park(self)
        else:
            super()._run()
