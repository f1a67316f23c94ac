"""An asyncio loop in a thread of its own, and the way between it and Locust's greenlets.

Locust patches the standard library for gevent: sockets, selectors, threads. uvloop is C and libuv
and does not notice, so the connection manager runs here as it does in production. The thread must
be made after Locust has forked its workers (`tooling.md` §4).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import gevent
import gevent.event
import gevent.monkey
import uvloop

T = TypeVar("T")
Item = TypeVar("Item")

HAND_OVER_EVERY_S = 0.1
HAND_OVER_MAX = 200_000
"""Items that may wait to be handed over; beyond it the newest are dropped and counted."""
START_WITHIN_S = 10.0


class Bridge(Generic[Item]):
    """A running loop; `call` goes there from a greenlet, `post` comes back from there."""

    def __init__(self, on_item: Callable[[Item], None]) -> None:
        self.dropped = 0
        """Items that were not handed over, because too many waited."""
        self._on_item = on_item
        self._items: deque[Item] = deque()
        self._hub = gevent.get_hub()
        self._loop = uvloop.new_event_loop()
        self._ended = gevent.event.AsyncResult()
        started = gevent.event.AsyncResult()
        self._loop.call_soon(self._answer, started.set, None)
        # threading would give a greenlet, because Locust has patched it.
        gevent.monkey.get_original("_thread", "start_new_thread")(self._run, ())
        started.get(timeout=START_WITHIN_S)
        self._handing_over = gevent.spawn(self._hand_over_for_ever)

    def call(self, make: Callable[[], Coroutine[Any, Any, T]], timeout_s: float) -> T:
        """Run a coroutine there and wait for it without holding other greenlets up.

        Raises what it raises, or `gevent.Timeout`; who stops waiting cancels it.
        """
        answer = gevent.event.AsyncResult()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self._loop.create_task(make())
            tasks.append(task)
            task.add_done_callback(lambda done: self._answer(_pass_on, (answer, done)))

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        self._loop.call_soon_threadsafe(begin)
        try:
            result: T = answer.get(timeout=timeout_s)
        except BaseException:
            self._loop.call_soon_threadsafe(cancel)
            raise
        return result

    def post(self, item: Item) -> None:
        """Hand an item over; called in the loop's thread, heard by a greenlet soon after."""
        if len(self._items) >= HAND_OVER_MAX:
            self.dropped += 1
        else:
            self._items.append(item)

    def close(self) -> None:
        """Hand over what waits, then end the loop and its thread."""
        self._handing_over.kill()
        self._hand_over()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._ended.get(timeout=START_WITHIN_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()
        self._answer(self._ended.set, None)

    def _answer(self, function: Callable[[Any], None], value: Any) -> None:
        """Run a function in the greenlets' thread; gevent's events may be set only there."""
        self._hub.loop.run_callback_threadsafe(function, value)

    def _hand_over_for_ever(self) -> None:
        while True:
            gevent.sleep(HAND_OVER_EVERY_S)
            self._hand_over()

    def _hand_over(self) -> None:
        for _ in range(len(self._items)):
            self._on_item(self._items.popleft())


def _pass_on(pair: tuple[gevent.event.AsyncResult, asyncio.Task[Any]]) -> None:
    answer, task = pair
    if task.cancelled():
        answer.set_exception(TimeoutError("cancelled"))
    elif error := task.exception():
        answer.set_exception(error)
    else:
        answer.set(task.result())
