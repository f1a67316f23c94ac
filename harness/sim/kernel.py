"""CPython's event loop with virtual time, shared by several hosts that may stand still or die."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context
from typing import Any

from harness.sim.handle import SimHandle, SimTimer
from harness.sim.host import HOST, Host, Socket


class SimTask(asyncio.Task[Any]):
    """A task that hashes by its birth: asyncio itself cancels and wakes in the order of sets."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, birth: int, **options: Any) -> None:
        # Before asyncio puts the task in its own set.
        self.birth = birth
        context: Context | None = options.get("context")
        self.host = HOST.get() if context is None else context.get(HOST)
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.birth

    def set_name(self, value: object) -> None:
        """Python 3.13.0 names a factory's task anew, with None where no name was given."""
        if value is not None:
            super().set_name(value)


class Kernel(asyncio.BaseEventLoop):
    """What is below the programs: true time, and all that goes on while a host stands still.

    To a program, `time()` and its timers are those of an event loop of its own.
    """

    # CPython's, not in the type stubs.
    _scheduled: list[SimTimer]
    _ready: Any
    _timer_cancelled_count: int

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        """True virtual seconds since the start; only the loop moves it."""
        self._hosts: list[Host] = []
        # Once a clock was touched, every look at it asks whose it is.
        self._is_any_wrong = False
        # Of nobody.
        self._context = Context()

    # What programs see.

    def time(self) -> float:
        """Virtual seconds since the start, as the clock of the running host shows them."""
        if self._is_any_wrong:
            host = HOST.get()
            if host is not None:
                return host.clock.shows(self.now_s)
        return self.now_s

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call it when the clock of its host shows `when`."""
        if when is None:
            raise TypeError("when cannot be None")
        self._check_closed()  # type: ignore[attr-defined]
        timer = SimTimer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def _call_soon(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.Handle:
        handle = SimHandle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    # What the kernel does by itself.

    def kernel_at(
        self, when_s: float, callback: Callable[..., object], *args: Any
    ) -> asyncio.TimerHandle:
        """Call it at a true time, whoever stands still."""
        return self.call_at(when_s, callback, *args, context=self._context)

    async def kernel_sleep(self, seconds: float) -> None:
        """Wait so long by the true time, whoever waits."""
        future = self.create_future()
        self.kernel_at(self.now_s + seconds, _settle, future)
        await future

    # The hosts.

    def make_host(self, name: str) -> Host:
        """A new process; `host.run` and tasks made with `host.context()` are its own."""
        host = Host(self, name)
        self._hosts.append(host)
        return host

    def release_hosts(self) -> None:
        """The story is over: nobody stands still any more, and who was killed may be cancelled."""
        for host in self._hosts:
            host.release()

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, in the order of their birth."""
        return sorted(asyncio.all_tasks(self), key=hash)

    def unfinished(self, host: Host) -> list[asyncio.Task[Any]]:
        """Its tasks that are not done."""
        return [
            one for one in self.pending_tasks() if isinstance(one, SimTask) and one.host is host
        ]

    def reset_timers(self, host: Host) -> None:
        """Its clock was touched: its timers are due at other moments."""
        self._is_any_wrong = True
        for timer in self._scheduled:
            if timer.host is host:
                timer.reset()
        heapq.heapify(self._scheduled)

    def end_timers(self, host: Host) -> None:
        """Its timers are never due."""
        for timer in self._scheduled:
            if timer.host is host:
                timer.cancel()

    def ready(self, handles: Iterable[asyncio.Handle]) -> None:
        """Run these next, in order."""
        self._ready.extend(handles)

    def ready_to_wake(self, socket: Socket) -> None:
        """Let the process look at a socket next."""
        self.call_soon(socket.wake, context=socket.context)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
