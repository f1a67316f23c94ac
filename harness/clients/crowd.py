"""How many programs of their own a machine starts, and runs, at one time.

Each is an interpreter that starts and a client that works. Too many at once starve the loop that
watches them, and a clock that stood still proves nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

CORES = os.cpu_count() or 1
RUNNING_PER_CORE = 32
STARTING_PER_CORE = 1
STARTS_WITHIN_S = 2.0
"""The longest that one which starts keeps others from it."""
CROWD_STARTS_WITHIN_S = 30.0
"""How long the last of a crowd may have to wait for its turn."""


class TooManyPrograms(RuntimeError):
    """One story wants more programs than the machine runs: says how many are too many."""


class Crowd:
    """The programs that one event loop watches."""

    def __init__(self, cores: int = CORES) -> None:
        self._starting = asyncio.Semaphore(STARTING_PER_CORE * cores)
        self.running_max = RUNNING_PER_CORE * cores
        self._cores = cores
        self._running = 0
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()

    @asynccontextmanager
    async def room(self, count: int) -> AsyncIterator[None]:
        """Wait until so many more may run: who came first, goes first. Raises `TooManyPrograms`."""
        if count > self.running_max:
            cores = "core" if self._cores == 1 else "cores"
            raise TooManyPrograms(
                f"{count} clients that are programs of their own are too many: this machine has "
                f"{self._cores} {cores} and runs up to {self.running_max} at once; say fewer "
                "clients, or take the client that shares our process"
            )
        if count:
            await self._enter(count)
        try:
            yield
        finally:
            self._running -= count
            self._left.set()

    async def _enter(self, count: int) -> None:
        async with self._turn:
            while self._running + count > self.running_max:
                self._left.clear()
                await self._left.wait()
            self._running += count

    @asynccontextmanager
    async def start(self) -> AsyncIterator[None]:
        """Wait for a turn to start a program, and hold it until the program has answered.

        One that waits for a server gives its turn away after `STARTS_WITHIN_S`.
        """
        await self._starting.acquire()
        given = asyncio.Event()

        def give() -> None:
            if not given.is_set():
                given.set()
                self._starting.release()

        timer = asyncio.get_running_loop().call_later(STARTS_WITHIN_S, give)
        try:
            yield
        finally:
            timer.cancel()
            give()


_CROWDS: WeakKeyDictionary[asyncio.AbstractEventLoop, Crowd] = WeakKeyDictionary()


def crowd() -> Crowd:
    """The crowd of the running loop."""
    return _CROWDS.setdefault(asyncio.get_running_loop(), Crowd())
