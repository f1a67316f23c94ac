"""One user of the steady profile: a connection, a channel, and messages that must come back.

Each user talks on a channel of its own and hears itself, so that one clock measures a delivery and
users on several machines need not agree about the time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

from harness.manager import (
    CallbackFailed,
    ChannelConfig,
    ChannelLost,
    Connected,
    ConnectionManager,
    DialFailed,
    Event,
    Joined,
    JoinFailed,
    Lost,
    SendResult,
)
from loadtests.measure import (
    ConnectError,
    Crashed,
    Disconnected,
    JoinError,
    Measure,
    NotDelivered,
    short,
)
from loadtests.schedule import deadlines
from loadtests.target import Target

SETTLE_WITHIN_S = 10.0
"""How long a message may be under way after the last was sent; also the time of each broadcast."""

_NEVER_WRITTEN = frozenset({"failed", "expired", "overflowed"})


class SteadyUser:
    """Connects, joins, and sends one message each period until it is told to settle."""

    def __init__(
        self, target: Target, topic: str, period_s: float, rng: Random, measure: Measure
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._measure = measure
        self._period_s = period_s
        self._rng = rng
        self._manager = ConnectionManager(
            target.url, apikey=target.apikey, rng=rng, on_event=self._on_event
        )
        self._channel = self._manager.subscribe(
            topic,
            on_broadcast=self._on_broadcast,
            config=ChannelConfig(ack=True, receive_own=True),
        )
        self._began_s = self._loop.time()
        # Since when the user has been waiting for its connection, and for its channel.
        self._lost_s: float | None = None
        self._joining_s: float | None = None
        self._connected_once = False
        self._has_joined = asyncio.Event()
        # Messages that have not come back: number → when it was due, and how its sending ended.
        self._due_s: dict[int, float] = {}
        self._outcomes: dict[int, str] = {}
        self._next_number = 0
        self._highest = -1
        self._all_back = asyncio.Event()
        self._sending: dict[asyncio.Task[None], None] = {}
        self._publishing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; connecting and joining go on in the background, for as long as they take."""
        self._measure.count("started")
        await self._manager.start()
        self._publishing = asyncio.create_task(self._publish())
        self._publishing.add_done_callback(self._noticed)

    async def settle(self) -> None:
        """Send no more, wait for what is under way, and count what never came back."""
        if self._publishing:
            self._publishing.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_WITHIN_S if self._due_s else 0):
                while self._due_s:
                    self._all_back.clear()
                    await self._all_back.wait()
        for number in self._due_s:
            how = self._outcomes.get(number, "unanswered")
            self._measure.fail("lost", "delivery", NotDelivered(how))
        self._due_s.clear()

    async def close(self) -> None:
        """Leave; nothing of the user is left behind."""
        tasks = [task for task in (self._publishing, *self._sending) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._manager.close()

    # Sending.

    async def _publish(self) -> None:
        await self._has_joined.wait()
        for due_s in deadlines(self._loop.time(), self._period_s, self._rng):
            await asyncio.sleep(due_s - self._loop.time())
            number, self._next_number = self._next_number, self._next_number + 1
            self._due_s[number] = due_s
            self._measure.count("sent")
            task = asyncio.create_task(self._send(number))
            self._sending[task] = None
            task.add_done_callback(self._sent)

    async def _send(self, number: int) -> None:
        result = await self._channel.broadcast("load", {"id": number}, timeout_s=SETTLE_WITHIN_S)
        if number in self._due_s:
            self._not_back_yet(number, result)

    def _not_back_yet(self, number: int, result: SendResult) -> None:
        """The answer overtook the message, or there will be no message."""
        self._outcomes[number] = result.outcome
        if result.outcome in _NEVER_WRITTEN:
            self._settle_one(number)
            self._measure.fail("unsent", "delivery", NotDelivered(result.outcome))

    def _sent(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self._noticed(task)

    def _noticed(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error:
            self._measure.fail("crashed", "user", Crashed(type(error).__name__))

    # What comes back.

    def _on_broadcast(self, event: str, payload: Any) -> None:
        number = payload["id"]
        if number not in self._due_s:
            self._measure.count("duplicated")
            return
        if number < self._highest:
            self._measure.count("reordered")
        self._highest = max(self._highest, number)
        self._measure.count("delivered")
        self._measure.time("delivery", max(0.0, self._loop.time() - self._due_s[number]))
        self._settle_one(number)

    def _settle_one(self, number: int) -> None:
        del self._due_s[number]
        self._outcomes.pop(number, None)
        if not self._due_s:
            self._all_back.set()

    def _on_event(self, event: Event) -> None:
        now_s = self._loop.time()
        match event:
            case Connected():
                self._connected(now_s)
            case Joined():
                self._joined(now_s)
            case Lost(reason=reason):
                self._lost_s = self._lost_s or now_s
                self._measure.fail("disconnected", "disconnect", Disconnected(short(reason)))
            case ChannelLost():
                self._joining_s = now_s
            case DialFailed(reason=reason):
                self._measure.fail("undialled", "connect", ConnectError(short(reason)))
            case JoinFailed(reason=reason):
                self._measure.fail("rejected", "join", JoinError(short(reason)))
            case CallbackFailed(error=error):
                self._measure.fail("crashed", "user", Crashed(type(error).__name__))

    def _connected(self, now_s: float) -> None:
        if not self._connected_once:
            self._measure.time("connect", now_s - self._began_s)
        self._connected_once = True
        self._joining_s = now_s

    def _joined(self, now_s: float) -> None:
        if self._joining_s is not None:
            self._measure.time("join", now_s - self._joining_s)
        if self._lost_s is not None:
            self._measure.time("reconnect", now_s - self._lost_s)
        self._joining_s = self._lost_s = None
        if not self._has_joined.is_set():
            self._measure.count("joined")
        self._has_joined.set()
