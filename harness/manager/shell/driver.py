"""Between the core and the loop: reports facts, performs effects, keeps the one timer."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec

from harness.manager.config import Config
from harness.manager.core import ConnectionCore
from harness.manager.effects import (
    Deliver,
    DeliverChange,
    Dial,
    Effect,
    Emit,
    HangUp,
    Settle,
    Wake,
    Write,
)
from harness.manager.errors import ManagerClosed
from harness.manager.events import CallbackFailed, Event, SlowConsumer
from harness.manager.failures import Failure
from harness.manager.sends import Outgoing, SendResult
from harness.manager.shell.clock import SteadyClock
from harness.manager.shell.inbox import Inbox
from harness.manager.shell.link import Link
from harness.manager.shell.watch import Watch
from harness.manager.states import State

LOG = logging.getLogger("harness.manager")
OnEvent = Callable[[Event], None]
P = ParamSpec("P")

Delivered = type[Deliver] | type[DeliverChange]

# close() promises to end within a second; the closing handshake has its own, shorter bound.
_REAP_TIMEOUT_S = 0.9


class Driver:
    """Runs one core on one event loop at a time. Everything happens on that loop: no locks."""

    def __init__(self, core: ConnectionCore, url: str, config: Config, on_event: OnEvent) -> None:
        self.core = core
        self._url = url
        self._config = config
        self._on_event = on_event
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._clock = SteadyClock()
        self._watch = Watch(self._woke)
        self._link: Link | None = None
        # Tasks of links that may still be ending, for close() to wait for.
        self._tasks: dict[asyncio.Task[None], None] = {}
        # By channel and by what is delivered.
        self._inboxes: dict[tuple[int, Delivered], tuple[str, Inbox]] = {}
        self._results: dict[Outgoing, asyncio.Future[SendResult]] = {}
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._effects: deque[Effect] = deque()
        self._performing = False

    # What the application asks.

    async def start(self) -> None:
        """Take hold of the running loop and connect."""
        if self.core.state is State.STOPPED:
            self._loop = asyncio.get_running_loop()
            self.act(self.core.start)

    async def stop(self) -> None:
        """Hang up and wait until nothing of it is left: no task, no timer; within a second."""
        self.act(self.core.stop)
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for _, inbox in self._inboxes.values():
            task = inbox.task
            inbox.clear()
            if task is not None and task is not asyncio.current_task():
                tasks.append(task)
        if tasks:
            await asyncio.wait(tasks, timeout=_REAP_TIMEOUT_S)

    async def send(self, channel_send: Callable[[Outgoing], None], message: Outgoing) -> SendResult:
        """Hand a broadcast in and wait for its result; whoever stops waiting withdraws it."""
        future: asyncio.Future[SendResult] = asyncio.get_running_loop().create_future()
        self._results[message] = future
        try:
            self.act(channel_send, message)
            return await future
        finally:
            self._results.pop(message, None)

    async def changed(self) -> None:
        """Return when a state has changed that somebody may wait for."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    def listen(
        self, channel: int, topic: str, what: Delivered, callback: Callable[..., Any] | None
    ) -> None:
        """Feed the broadcasts of a channel, or its changes, to a callback if there is one."""
        if callback is None:
            return

        def failed(error: Exception) -> None:
            self.core.stats.callback_failures += 1
            LOG.error("a callback of %r raised", topic, exc_info=error)
            self._tell(CallbackFailed(topic, error))

        inbox = Inbox(callback, self._config.inbound_queue_max, failed)
        self._inboxes[channel, what] = (topic, inbox)

    def silence(self, channel: int) -> None:
        """Call the callbacks of a channel no more."""
        for what in (Deliver, DeliverChange):
            _, inbox = self._inboxes.pop((channel, what), (None, None))
            if inbox is not None:
                inbox.close()

    @property
    def now_s(self) -> float:
        """The loop's time, never less than before; before the first start nothing depends on it."""
        return self._clock.read(self._loop.time()) if self._loop else 0.0

    def act(self, fact: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell the core something, do what it decides, and set the timer to its deadline.

        A callback may come back here while effects are being performed: its effects queue up
        behind, so that order holds and nothing recurs.
        """
        self._check_loop()
        self._watch.look()
        try:
            fact(*args, **kwargs)
        finally:
            self._effects.extend(self.core.effects())
        self._perform_all()
        self._arm()

    # What links report.

    def opened(self, link: int) -> None:
        """The handshake is done."""
        self.act(self.core.opened, link, self.now_s)

    def dial_failed(self, link: int, failure: Failure) -> None:
        """There was none."""
        self.act(self.core.dial_failed, link, failure, self.now_s)

    def received(self, link: int, frame: str | bytes) -> None:
        """A frame came in."""
        self.act(self.core.received, link, frame, self.now_s)

    def written(self, link: int, frame_bytes: int) -> None:
        """The socket took a frame."""
        self.act(self.core.written, link, frame_bytes)

    def lost(self, link: int, failure: Failure) -> None:
        """The link ended by itself."""
        self.act(self.core.lost, link, failure, self.now_s)

    # Private parts.

    def _check_loop(self) -> None:
        if self.core.state is State.STOPPED or self._loop is None:
            return
        if self._loop is not asyncio.get_running_loop():
            raise ManagerClosed("the manager runs on another event loop: use it there only")

    def _perform_all(self) -> None:
        if self._performing:
            return
        self._performing = True
        try:
            while self._effects:
                self._perform(self._effects.popleft())
        finally:
            self._performing = False

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Dial(link):
                self._open(link)
            case Write(_, frame):
                assert self._link is not None, "a write without a link"
                self._link.write(frame)
            case HangUp(_, politely):
                assert self._link is not None, "a hang-up without a link"
                self._link.hang_up(politely=politely)
            case Emit(event):
                self._tell(event)
            case Deliver(channel, event_name, payload):
                self._deliver((channel, Deliver), event_name, payload)
            case DeliverChange(channel, change):
                self._deliver((channel, DeliverChange), change)
            case Settle(message, result):
                self._settle(message, result)
            case Wake():
                self._wake()

    def _open(self, number: int) -> None:
        self._link = Link(number, self._url, self._config, self)
        task = self._link.task
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._ended(number, done))

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # A bug of ours must not end the retrying: said aloud, then treated as any other loss.
            LOG.error("internal error on link %d", number, exc_info=error)
            failure = Failure(f"internal error: {type(error).__name__}")
            self.dial_failed(number, failure)
            self.lost(number, failure)

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            LOG.exception("on_event raised for %s", type(event).__name__)

    def _deliver(self, to: tuple[int, Delivered], *message: object) -> None:
        topic, inbox = self._inboxes.get(to, ("", None))
        if inbox is None:
            return
        told = inbox.overflowing
        if not inbox.put(*message):
            self.core.stats.dropped += 1
            if not told:
                self._tell(SlowConsumer(topic, len(inbox)))

    def _settle(self, message: Outgoing, result: SendResult) -> None:
        future = self._results.get(message)
        if future is not None and not future.done():
            future.set_result(result)

    def _wake(self) -> None:
        for waiter in list(self._waiters):
            if not waiter.done():
                waiter.set_result(None)

    def _woke(self, stood_s: float) -> None:
        self.act(self.core.woke, stood_s, self.now_s)

    def _arm(self) -> None:
        if self.core.state is State.CONNECTED:
            self._watch.start()
        else:
            self._watch.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_s = self.core.next_deadline()
        if deadline_s is not None and self._loop is not None:
            due_s = self._clock.loop_s(deadline_s)
            self._timer = self._loop.call_at(due_s, self._on_timer, deadline_s)

    def _on_timer(self, deadline_s: float) -> None:
        self._timer = None
        # A loop may call a hair early: what is due at the deadline must be seen as due.
        self.act(self.core.timer, max(deadline_s, self.now_s))
