"""A process of the simulation: it can stand still, be killed, and have a clock that is wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from harness.sim.clock import WrongClock

T = TypeVar("T")


class Socket(Protocol):
    """A connection that a process has open."""

    @property
    def context(self) -> Context:
        """What the process' callbacks of it run in."""

    def wake(self) -> None:
        """The process goes on: read what has come, write what waits."""

    def vanish(self) -> None:
        """The process has died: the kernel closes the socket, and tells nobody here."""


class Machine(Protocol):
    """What a process runs on, as far as a host needs it."""

    def kernel_at(
        self, when_s: float, callback: Callable[..., object], *args: Any
    ) -> asyncio.TimerHandle:
        """Call it at a true time, whoever stands still."""

    @property
    def now_s(self) -> float:
        """The true time."""

    def reset_timers(self, host: Host) -> None:
        """Its clock was touched: its timers are due at other moments."""

    def end_timers(self, host: Host) -> None:
        """Its timers are never due."""

    def unfinished(self, host: Host) -> list[asyncio.Task[Any]]:
        """Its tasks that are not done."""

    def ready(self, handles: Iterable[asyncio.Handle]) -> None:
        """Run these next, in order."""

    def ready_to_wake(self, socket: Socket) -> None:
        """Let the process look at a socket next."""


class Host:
    """One process among those that share the loop: all that runs in its `context` is its own.

    Tasks, timers and connections belong to the host in whose context they were made. What runs in
    no host, as the server and whoever tells the story, never stands still.
    """

    def __init__(self, machine: Machine, name: str) -> None:
        self.name = name
        self.clock = WrongClock()
        self.wall_ahead_s = 0.0
        """So much more than the true time its wall clock shows."""
        self.stands = False
        """Whether nothing of it runs now: what would is put off until it goes on."""
        self.sockets: dict[Socket, None] = {}
        self._machine = machine
        self._context = copy_context()
        self._context.run(HOST.set, self)
        self._suspended = False
        self._dead = False
        self._busy_until_s = 0.0
        self._busy: asyncio.TimerHandle | None = None
        # Put off: what was ready, and the timers that came due since.
        self._parked: deque[asyncio.Handle] = deque()
        self._overdue: deque[asyncio.Handle] = deque()
        # A task that nobody holds would be collected, and its `finally` would run.
        self._remains: list[asyncio.Task[Any]] = []

    def context(self) -> Context:
        """A context to run something in that is then this host's."""
        return self._context.copy()

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function as this host."""
        return self.context().run(function, *args)

    # What befalls it.

    def suspend(self) -> None:
        """SIGSTOP: nothing of it runs until `resume`. Its sockets stay open, its clock goes on."""
        self._suspended = True
        self._settle()

    def resume(self) -> None:
        """SIGCONT: what was put off runs in the order in which it would have, then what came."""
        self._suspended = False
        self._settle()

    def stand_for(self, seconds: float) -> None:
        """A blocking call of so many seconds, after what it is in already.

        The callback in which that is said ends first, since no virtual time can pass inside one.
        """
        self._busy_until_s = max(self._busy_until_s, self._machine.now_s) + seconds
        if self._busy is not None:
            self._busy.cancel()
        self._busy = self._machine.kernel_at(self._busy_until_s, self._free)
        self._settle()

    def kill(self) -> None:
        """SIGKILL: nothing of it runs again, no `finally` either; the kernel closes its sockets."""
        self._dead = True
        self._settle()
        self._remains = self._machine.unfinished(self)
        self._machine.end_timers(self)
        for socket in list(self.sockets):
            socket.vanish()

    def jump(self, by_s: float) -> None:
        """The clock of its loop shows so much more from now on, or less."""
        self.clock.jump(by_s)
        self._machine.reset_timers(self)

    def wall_jump(self, by_s: float) -> None:
        """Its wall clock shows so much more from now on, or less; no timer hears of it."""
        self.wall_ahead_s += by_s

    def drift(self, factor: float) -> None:
        """The clock of its loop runs so many times as fast as the true one; 1 is right again."""
        self.clock.drift(factor, self._machine.now_s)
        self._machine.reset_timers(self)

    # For the loop.

    def park(self, handle: asyncio.Handle) -> None:
        """Something of it would run while it stands still."""
        late = isinstance(handle, asyncio.TimerHandle)
        (self._overdue if late else self._parked).append(handle)

    def release(self) -> None:
        """The story is over: its tasks, each cancelled before, may end as others do."""
        if self._dead:
            # A dead program does nothing more; only its tasks are to end.
            self._parked = deque(one for one in self._parked if _is_of_a_task(one))
            self._overdue.clear()
        if self._busy is not None:
            self._busy.cancel()
            self._busy = None
        self._suspended = self._dead = False
        self._settle()

    def _free(self) -> None:
        self._busy = None
        self._settle()

    def _settle(self) -> None:
        stood = self.stands
        self.stands = self._dead or self._suspended or self._busy is not None
        if stood and not self.stands:
            self._go_on()

    def _go_on(self) -> None:
        """As an event loop does: the rest of its turn, then its sockets, then its timers."""
        self._machine.ready(self._parked)
        for socket in self.sockets:
            self._machine.ready_to_wake(socket)
        self._machine.ready(self._overdue)
        self._parked.clear()
        self._overdue.clear()


HOST: ContextVar[Host | None] = ContextVar("host", default=None)
"""Whose code runs now."""


def _is_of_a_task(handle: asyncio.Handle) -> bool:
    callback = getattr(handle, "_callback", None)
    return isinstance(getattr(callback, "__self__", None), asyncio.Task)
