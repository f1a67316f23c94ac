"""The connection manager with one realistic defect each; production code knows none of them.

The marks are those of `failures.md` §C; a star there says that a shipped client had it.
"""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from harness.clients.manager import Manager
from harness.history import Op
from harness.manager import (
    Change,
    ChannelCore,
    ChannelState,
    Config,
    ConnectionCore,
    ConnectionManager,
    Failure,
    FeedState,
    ReconnectLadder,
    SendResult,
)
from harness.manager.feed import Feed
from harness.manager.sends import Outgoing
from harness.manager.states import State
from harness.protocol import PHOENIX, POSTGRES_CHANGES, Message

FRAME_S = 1 / 60


class NoHeartbeatCheck(ConnectionCore):
    """M35: sends heartbeats and never misses an answer."""

    def silence_allowed_s(self) -> float:
        return math.inf


class SleepsThrough(ConnectionCore):
    """M41: does not notice that the process stood still."""

    def woke(self, stood_s: float, now_s: float) -> None:
        """Nothing happened."""


class GivesUpAfterFive(ConnectionCore):
    """M10: the sixth failure in a row is the last."""

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        delay_s = super().schedule_dial(failure, now_s)
        if self._failures > 5:
            self._retry_s = None
        return delay_s


class CounterResetAtHandshake(ConnectionCore):
    """M08: a handshake counts as proof of health."""

    def opened(self, link: int, now_s: float) -> None:
        super().opened(link, now_s)
        self._failures = 0


class FirstTokenForEver(ConnectionCore):
    """M22: joins carry the token of the first join."""

    _first: tuple[str | None] | None = None

    def token_for_join(self) -> str | None:
        if self._first is None:
            self._first = (super().token_for_join(),)
        return self._first[0]


class NoRejoinChannel(ChannelCore):
    """M18: reconnects, and leaves it at that."""

    def link_opened(self, now_s: float) -> None:
        super().link_opened(now_s)
        if self._gap_from_s is not None:
            self.retry_s = math.inf


class StaleCloseChannel(ChannelCore):
    """M29: takes every `phx_close` on its topic for its own, and is closed for good."""

    def is_current(self, join_ref: object) -> bool:
        return True

    def ended(self, join_ref: object, reason: str, now_s: float) -> bool:
        stale = not super().is_current(join_ref)
        ended = super().ended(join_ref, reason, now_s)
        if stale and ended and self.state is ChannelState.WAITING:
            self.retry_s = math.inf
        return ended


class ZombieChannel(ChannelCore):
    """M70: an unsubscribe in the middle of a join forgets the join."""

    def send_leave(self) -> None:
        if self.state is not ChannelState.JOINING:
            super().send_leave()


class NoLeaveChannel(ChannelCore):
    """M32: a join that timed out is not taken back."""

    def _join_timed_out(self, now_s: float) -> None:
        self._join_failed("timed out", "no answer", now_s)


class BoastfulChannel(ChannelCore):
    """M53: whatever was written is called acknowledged."""

    def _write(self, message: Outgoing) -> None:
        self._outlet.settle((message, SendResult("acked")))


class SwallowingChannel(ChannelCore):
    """Loses messages on a connection that never breaks, while it is slow."""

    def received(self, event: str, payload: Any) -> None:
        if not 12 <= payload["id"] <= 44:
            super().received(event, payload)


class OverwhelmedChannel(ChannelCore):
    """Has room for two of the messages that come in one frame of a screen, and drops the others.

    Where nothing is held up on the way, no three of a source come so close.
    """

    _frame_from_s = -math.inf
    _in_frame = 0

    def received(self, event: str, payload: Any) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._frame_from_s > FRAME_S:
            self._frame_from_s, self._in_frame = now_s, 0
        self._in_frame += 1
        if self._in_frame <= 2:
            super().received(event, payload)


class DropsBursts(ConnectionCore):
    """The same in a connection."""

    channel_type = OverwhelmedChannel


class SwallowsMessages(ConnectionCore):
    """The same in a connection."""

    channel_type = SwallowingChannel


class NoRejoin(ConnectionCore):
    """M18 in a connection."""

    channel_type = NoRejoinChannel


class StaleCloseAccepted(ConnectionCore):
    """M29 in a connection."""

    channel_type = StaleCloseChannel


class UnsubscribeLeavesZombie(ConnectionCore):
    """M70 in a connection."""

    channel_type = ZombieChannel


class NoLeaveOnTimeout(ConnectionCore):
    """M32 in a connection."""

    channel_type = NoLeaveChannel


class SendsLie(ConnectionCore):
    """M53 in a connection."""

    channel_type = BoastfulChannel


class NoJitterLadder(ReconnectLadder):
    """M01: every client waits exactly as long as every other."""

    def delay_s(self, failures: int, failure: Failure, rng: Random) -> float:
        return self.first_s if failures == 0 else super().delay_s(failures, failure, rng)

    def jittered_s(self, ceiling_s: float, rng: Random) -> float:
        return ceiling_s


class StopsWhenKicked(ConnectionCore):
    """A close frame is a farewell: whoever was sent away stays away."""

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        delay_s = super().schedule_dial(failure, now_s)
        if failure.close_code is not None:
            self._retry_s = None
        return delay_s


class StopsWhenBroken(ConnectionCore):
    """Close code 1006 is in no list of codes to come back from."""

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        delay_s = super().schedule_dial(failure, now_s)
        if "without a close frame" in failure.reason:
            self._retry_s = None
        return delay_s


class StopsAtTheLarge(ConnectionCore):
    """A message beyond the limit ends the connection, as the library does, and all others."""

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        delay_s = super().schedule_dial(failure, now_s)
        if "closed by us with code 1009" in failure.reason:
            self._retry_s = None
        return delay_s


class StopsWithoutAddress(ConnectionCore):
    """A name that does not resolve is taken for a wrong setting."""

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        delay_s = super().schedule_dial(failure, now_s)
        if "name resolution" in failure.reason:
            self._retry_s = None
        return delay_s


class StopsWhenRefused(ConnectionCore):
    """M13: any HTTP status but 101 is final."""

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        delay_s = super().schedule_dial(failure, now_s)
        if failure.http_status is not None:
            self._retry_s = None
        return delay_s


class Fragile(ConnectionCore):
    """Something that it hears ends its reader."""

    def received(self, link: int, frame: str | bytes, now_s: float) -> None:
        before = self.upsets()
        super().received(link, frame, now_s)
        if self.upsets() > before:
            self.stop()

    def upsets(self) -> int:
        """How often it has heard it."""
        raise NotImplementedError


class StopsAtGarbage(Fragile):
    """A frame that cannot be read."""

    def upsets(self) -> int:
        return self.stats.malformed


class StopsAtASecondAnswer(Fragile):
    """An answer that nobody waits for."""

    def upsets(self) -> int:
        return self.stats.stale


class StopsAtTheUnknown(Fragile):
    """An event without a handler."""

    _unknown = 0

    def upsets(self) -> int:
        return self._unknown

    def _route(self, message: Message, now_s: float) -> None:
        self._unknown += message.topic != PHOENIX and message.event not in self._routes
        super()._route(message, now_s)


class PatientChannel(ChannelCore):
    """A join that is not answered is waited for, for ever."""

    def join(self, now_s: float) -> None:
        super().join(now_s)
        self._answer_due_s = None


class DiscouragedChannel(ChannelCore):
    """A join that is refused is not repeated."""

    def _join_failed(self, event: str, reason: str, now_s: float) -> None:
        super()._join_failed(event, reason, now_s)
        if event == "refused":
            self.retry_s = math.inf


class MonotonousChannel(ChannelCore):
    """Takes a message with a lower number than the last for a repetition, and drops it."""

    _last = 0

    def received(self, event: str, payload: Any) -> None:
        if payload["id"] > self._last:
            self._last = payload["id"]
            super().received(event, payload)


class WaitsForEveryJoin(ConnectionCore):
    """The same in a connection."""

    channel_type = PatientChannel


class TakesNoForAnAnswer(ConnectionCore):
    """The same in a connection."""

    channel_type = DiscouragedChannel


class DropsWhatOvertakes(ConnectionCore):
    """The same in a connection."""

    channel_type = MonotonousChannel


class EagerFeed(Feed):
    """Joined is live, and the server's word for it is nothing new when it comes."""

    def joined(self, response: Any, now_s: float) -> None:
        super().joined(response, now_s)
        self._live("confirmed", now_s)

    def noticed(self, status: str, message: str, now_s: float) -> None:
        if status == "error":
            super().noticed(status, message, now_s)


class OptimisticFeed(Feed):
    """Any word of the server is a good one, and there is only one to wait for."""

    def noticed(self, status: str, message: str, now_s: float) -> None:
        if self.state is FeedState.SUBSCRIBING:
            super().noticed("ok", message, now_s)


class DiscouragedFeed(Feed):
    """A refusal is final: the server's own retry is not believed, nor any change after it."""

    def noticed(self, status: str, message: str, now_s: float) -> None:
        if self.state is not FeedState.REFUSED:
            super().noticed(status, message, now_s)
        if self.state is FeedState.REFUSED:
            self.due_s = None

    def received(self, payload: Any, now_s: float) -> Change | None:
        return None if self.state is FeedState.REFUSED else super().received(payload, now_s)


class PatientFeed(Feed):
    """Waits for ever for the confirmation, and takes no change before it."""

    def _await_confirmation(self, now_s: float, reason: str) -> None:
        self.due_s = None

    def received(self, payload: Any, now_s: float) -> Change | None:
        return super().received(payload, now_s) if self.state is FeedState.LIVE else None


class TrustingFeed(Feed):
    """A quiet feed is never looked after."""

    def _await_sign(self, now_s: float) -> None:
        self.due_s = None


class DismissiveFeed(Feed):
    """A feed that was silent for long is given up, with its table."""

    def joined(self, response: Any, now_s: float) -> None:
        if not self._silences:
            super().joined(response, now_s)


class SilentFeed(Feed):
    """Comes back, and tells of no gap."""

    def _open_gap(self) -> None:
        return


class CriesGap(Manager):
    """Loses nine changes of ten, and says with each message that any may be missing."""

    def _received(self, topic: str, event: str, payload: Any) -> None:
        self._emit("feed_gap", topic=topic, last_s=1e9)
        super()._received(topic, event, payload)

    def _changed(self, topic: str, change: Change) -> None:
        if change.record and change.record["id"] % 10 == 0:
            super()._changed(topic, change)


class LosesChanges(ChannelCore):
    """Loses ten seconds of changes on a connection that never breaks, and then goes on."""

    def changed(self, payload: Any, now_s: float) -> None:
        if not 20 <= payload["data"]["record"]["id"] <= 39:
            super().changed(payload, now_s)


class DoublingChannel(ChannelCore):
    """Each confirmation has the handlers registered once more."""

    _handlers = 0

    def join(self, now_s: float) -> None:
        super().join(now_s)
        self._handlers = 0

    def noticed(
        self, join_ref: object, extension: object, status: str, message: str, now_s: float
    ) -> None:
        super().noticed(join_ref, extension, status, message, now_s)
        self._handlers += extension == POSTGRES_CHANGES and status == "ok"

    def changed(self, payload: Any, now_s: float) -> None:
        for _ in range(max(self._handlers, 1)):
            super().changed(payload, now_s)


class ForgetfulChannel(ChannelCore):
    """M21: a rejoin says nothing of what the channel listens to."""

    def _join_payload(self) -> dict[str, Any]:
        payload = super()._join_payload()
        if self._gap_from_s is not None:
            payload["config"]["postgres_changes"] = []
        return payload


class ForgetsWhatItListensTo(ConnectionCore):
    """The same in a connection."""

    channel_type = ForgetfulChannel


class HandlersDouble(ConnectionCore):
    """The same in a connection."""

    channel_type = DoublingChannel


class LosesTenSeconds(ConnectionCore):
    """Of the changes of every channel."""

    channel_type = LosesChanges


def with_feed(feed: type[Feed]) -> type[ConnectionCore]:
    """A connection whose channels have that feed."""
    channel = type("Channel", (ChannelCore,), {"feed_type": feed})
    return type(feed.__name__, (ConnectionCore,), {"channel_type": channel})


def with_config(
    name: str, core: type[ConnectionCore] = ConnectionCore, **settings: Any
) -> type[Manager]:
    """A client adapter whose manager is badly set up."""

    class make(ConnectionManager):
        core_type = core

        def __init__(self, url: str, **options: Any) -> None:
            super().__init__(url, **{**options, "config": Config(**settings)})

    return type(name, (Manager,), {"make": make})


def with_core(core: type[ConnectionCore]) -> type[Manager]:
    """A client adapter whose manager has that core."""
    manager = type("Broken", (ConnectionManager,), {"core_type": core})
    return type(core.__name__, (Manager,), {"make": manager})


class NoJitter(Manager):
    """M01 in a client adapter."""

    class make(ConnectionManager):
        """The manager without jitter."""

        def __init__(self, url: str, **options: object) -> None:
            super().__init__(url, **{**options, "config": Config(reconnect=NoJitterLadder())})  # type: ignore[arg-type]


class ForgetsAnEarlyLeave(ConnectionCore):
    """M70, in front: an unsubscribe before the join was sent takes back nothing."""

    def unsubscribe(self, channel: ChannelCore, now_s: float) -> None:
        if channel.state is ChannelState.JOINED:
            super().unsubscribe(channel, now_s)


class DialsOnAfterClose(ConnectionCore):
    """px#2857*: the timer of the next attempt outlives a close."""

    def stop(self) -> None:
        retry_s = self._retry_s
        super().stop()
        self._retry_s = retry_s

    def timer(self, now_s: float) -> None:
        if self.state is State.STOPPED and self._retry_s is not None and now_s >= self._retry_s:
            self.start()
        super().timer(now_s)


class DiesInCallback(Manager):
    """M63*: what the application's callback raises ends the task that delivers."""

    _dead = False

    def _received(self, topic: str, event: str, payload: Any) -> None:
        if self._dead:
            return
        try:
            super()._received(topic, event, payload)
        except Exception:
            self._dead = True


class DiesInAChange(Manager):
    """M63* for changes."""

    _dead = False

    def _changed(self, topic: str, change: Change) -> None:
        if self._dead:
            return
        try:
            super()._changed(topic, change)
        except Exception:
            self._dead = True


class CancelKills(Manager):
    """The cancellation of one call ends the connection that it was waiting on."""

    async def invoke(self, op: Op) -> Op:
        try:
            await asyncio.sleep(0)
            return await super().invoke(op)
        except asyncio.CancelledError:
            await self.close()
            raise


class BadWatchdog(Manager):
    """Takes its own standstill for a dead server, and closes for good."""

    async def open(self, url: str, name: str) -> None:
        await super().open(url, name)
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            await asyncio.sleep(0.5)
            if loop.time() - began_s > 3:
                await self.close()


class BelievesItsDisk(Manager):
    """Writes down what it has joined, and believes it after a restart."""

    async def _subscribe(self, op: Op) -> Op:
        if self._disk.exists():
            return replace(op, type="ok")
        done = await super()._subscribe(op)
        self._disk.touch()
        return done

    async def close(self) -> None:
        self._disk.unlink(missing_ok=True)
        await super().close()

    @property
    def _disk(self) -> Path:
        return Path(tempfile.gettempdir()) / f"squall-planted-{os.getppid()}-{self._name}"


class DropsWhenBehind(Manager):
    """Sheds load: skips messages while its loop lags."""

    _until_s = 0.0

    async def open(self, url: str, name: str) -> None:
        await super().open(url, name)
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            await asyncio.sleep(0.1)
            if loop.time() - began_s > 0.3:
                self._until_s = loop.time() + 0.6

    def _received(self, topic: str, event: str, payload: Any) -> None:
        if asyncio.get_running_loop().time() >= self._until_s:
            super()._received(topic, event, payload)


class TwoClocks(Manager):
    """Compares the loop's clock with another, and closes for good when they part."""

    async def open(self, url: str, name: str) -> None:
        await super().open(url, name)
        loop = asyncio.get_running_loop()
        self._apart_s = loop.time() - time.monotonic()
        self._look()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if abs(loop.time() - time.monotonic() - self._apart_s) > 3:
            self._closing = asyncio.create_task(self.close())
        else:
            loop.call_later(0.2, self._look)


class ExpiresByTheWallClock(Manager):
    """Counts a session of half an hour by the wall clock, and closes for good at its end."""

    async def open(self, url: str, name: str) -> None:
        await super().open(url, name)
        self._until_s = time.time() + 1800
        self._look()

    def _look(self) -> None:
        if time.time() > self._until_s:
            self._closing = asyncio.create_task(self.close())
        else:
            asyncio.get_running_loop().call_later(0.2, self._look)


class OpensOnce(Manager):
    """P14*: a client that has been closed is opened again in name only."""

    _opened = False

    async def open(self, url: str, name: str) -> None:
        if not self._opened:
            self._opened = True
            await super().open(url, name)


class LeavesForEver(Manager):
    """fl#1471 of a leave: it is done, and the call never returns."""

    async def _leave(self, op: Op) -> Op:
        await super()._leave(op)
        await asyncio.Event().wait()
        return op


class ClosesForEver(Manager):
    """The same of a close."""

    async def close(self) -> None:
        await super().close()
        await asyncio.Event().wait()


class OpensAgainForEver(Manager):
    """The same of an open after the first."""

    _opened = False

    async def open(self, url: str, name: str) -> None:
        await super().open(url, name)
        if self._opened:
            await asyncio.Event().wait()
        self._opened = True


class GoesOnAfterClose(Manager):
    """Says that it is closed, and goes on."""

    async def close(self) -> None:
        pass


class ClosesByHalves(Manager):
    """A close that is cancelled has forgotten the connection, and left it open."""

    async def close(self) -> None:
        manager, self._manager, self._channels = self._manager, None, {}
        await asyncio.sleep(0)
        if manager:
            await manager.close()


class OpensByHalves(Manager):
    """An open that is cancelled leaves a connection that nobody knows of."""

    async def open(self, url: str, name: str) -> None:
        await super().open(url, name)
        manager, self._manager, self._channels = self._manager, None, {}
        await asyncio.sleep(0)
        self._manager = manager


class LeavesByHalves(Manager):
    """A leave that is cancelled has forgotten the channel, and left it joined."""

    async def _leave(self, op: Op) -> Op:
        channel = self._channels.pop(op.value["topic"], None)
        await asyncio.sleep(0)
        if channel:
            await channel.unsubscribe()
        return replace(op, type="ok")


class StaysClosed(Manager):
    """A close that meets an open is the last word for ever."""

    _opening, _over = False, False

    async def open(self, url: str, name: str) -> None:
        if self._over:
            return
        self._opening = True
        await asyncio.sleep(0.1)
        self._opening = False
        if not self._over:
            await super().open(url, name)

    async def close(self) -> None:
        self._over = self._over or self._opening
        await super().close()


class LeavesForGood(Manager):
    """A topic that is subscribed to within the callback that left it is forgotten."""

    _leaving = ""

    async def _leave(self, op: Op) -> Op:
        self._leaving = op.value["topic"]
        return await super()._leave(op)

    async def _subscribe(self, op: Op) -> Op:
        if self._leaving == op.value["topic"]:
            return replace(op, type="ok")
        return await super()._subscribe(op)


class SubscribesLate(Manager):
    """Looks something up before it subscribes; a leave meanwhile finds nothing to leave."""

    async def _subscribe(self, op: Op) -> Op:
        for _ in range(3):
            await asyncio.sleep(0)
        return await super()._subscribe(op)

    async def _leave(self, op: Op) -> Op:
        if op.value["topic"] not in self._channels:
            return replace(op, type="ok")
        return await super()._leave(op)
