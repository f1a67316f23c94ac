"""One channel's callback: fed one message at a time, in order, without holding up the reader."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from typing import Any

from harness.manager.changes import Change

OnBroadcast = Callable[[str, Any], Any]
"""Called with event and payload; if what it returns can be awaited, it is, before the next call."""

OnChange = Callable[[Change], Any]
"""Called with a change of a table; likewise."""


class Inbox:
    """Messages that wait for a callback, bounded; its task lives only while there are some."""

    def __init__(
        self, callback: Callable[..., Any], queue_max: int, on_failure: Callable[[Exception], None]
    ) -> None:
        self._callback = callback
        self._queue_max = queue_max
        self._on_failure = on_failure
        self._queue: deque[tuple[Any, ...]] = deque()
        self._closed = False
        # Whether messages are being dropped, until the queue has been emptied again.
        self.overflowing = False
        self.task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    def put(self, *message: Any) -> bool:
        """Queue a message for the callback; False if it was dropped because the queue is full."""
        if self._closed:
            return True
        if len(self._queue) >= self._queue_max:
            self.overflowing = True
            return False
        self._queue.append(message)
        if self.task is None:
            self._start()
        return True

    def close(self) -> None:
        """Call the callback no more; one that is being awaited is cancelled, but never itself."""
        self._closed = True
        self.clear()

    def clear(self) -> None:
        """Drop what waits, and end the task."""
        self._queue.clear()
        if self.task is not None and self.task is not _current_task():
            self.task.cancel()

    def _start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._drain())
        self.task.add_done_callback(self._drained)

    def _drained(self, task: asyncio.Task[None]) -> None:
        """However it ended: a task that is cancelled before it began runs no line of its own."""
        self.task = None
        self.overflowing = False
        if self._queue:
            self._start()

    async def _drain(self) -> None:
        while self._queue:
            await self._call(self._queue.popleft())
            await asyncio.sleep(0)  # A burst must not stall the loop.

    async def _call(self, message: tuple[Any, ...]) -> None:
        try:
            result = self._callback(*message)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            self._on_failure(error)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # Not in a loop at all: so in no task either.
        return None
