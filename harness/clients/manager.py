"""Our own connection manager, with its production defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from harness.clients.contract import Listener
from harness.clients.endpoint import split_key
from harness.history import Op, Type
from harness.manager import (
    Change,
    ChangeBinding,
    Channel,
    ChannelClosed,
    ChannelConfig,
    ChannelLost,
    ChannelState,
    ConnectionManager,
    Event,
    FeedGap,
    FeedLive,
    FeedLost,
    Joined,
    SendResult,
)


class Manager:
    """Speaks the client contract for `harness.manager.ConnectionManager`."""

    make: type[ConnectionManager] = ConnectionManager
    """What is opened; a planted bug replaces it."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._listener: Listener = lambda op: None
        self._channels: dict[str, Channel] = {}
        self._manager: ConnectionManager | None = None
        self._name = ""

    async def open(self, url: str, name: str) -> None:
        """Start the manager, again after a close; it connects by itself, and for ever."""
        base, key = split_key(url)
        self._name = name
        if self._manager is None:
            self._manager = self.make(base, apikey=key, rng=self._rng, on_event=self._event)
        await self._manager.start()

    def on_event(self, listener: Listener) -> None:
        """Translate the manager's events into ops."""
        self._listener = listener

    async def invoke(self, op: Op) -> Op:
        """Subscribe, leave, broadcast or set_token by the manager's public calls."""
        call: Callable[[Op], Awaitable[Op]] = getattr(self, f"_{op.f}")
        return await call(op)

    async def close(self) -> None:
        """Close the manager."""
        if self._manager:
            await self._manager.close()

    async def _subscribe(self, op: Op) -> Op:
        """Wants outlast a close; a channel that is still wanted is the one to wait for."""
        assert self._manager is not None
        topic = op.value["topic"]
        channel = self._channels.get(topic)
        if channel is None or channel.state in (ChannelState.LEAVING, ChannelState.GONE):
            changes = [ChangeBinding(**one) for one in op.value.get("changes", ())]
            channel = self._channels[topic] = self._manager.subscribe(
                topic,
                on_broadcast=partial(self._received, topic),
                on_change=partial(self._changed, topic) if changes else None,
                config=ChannelConfig(ack=True, changes=changes),
            )
        await channel.joined(timeout_s=30)
        return replace(op, type="ok")

    async def _leave(self, op: Op) -> Op:
        await self._channels[op.value["topic"]].unsubscribe()
        return replace(op, type="ok")

    async def _broadcast(self, op: Op) -> Op:
        payload = {"id": op.value["id"], "sender": self._name}
        result = await self._channels[op.value["topic"]].broadcast("n", payload)
        return replace(op, type=_send_op(result), error=result.reason or None)

    async def _set_token(self, op: Op) -> Op:
        assert self._manager is not None
        self._manager.set_token(op.value["token"])
        return replace(op, type="ok")

    def _event(self, event: Event) -> None:
        match event:
            case Joined(topic=topic):
                self._emit("joined", topic=topic)
            case ChannelLost(topic=topic, reason=reason):
                self._emit("lost", topic=topic, reason=reason)
            case ChannelClosed(topic=topic, reason=reason):
                self._emit("closed", topic=topic, reason=reason)
            case FeedLive(topic=topic):
                self._emit("feed_live", topic=topic)
            case FeedLost(topic=topic, reason=reason):
                self._emit("feed_lost", topic=topic, reason=reason)
            case FeedGap(topic=topic, from_s=from_s, to_s=to_s):
                self._emit("feed_gap", topic=topic, last_s=to_s - from_s)

    def _received(self, topic: str, event: str, payload: Any) -> None:
        self._emit("received", topic=topic, id=payload["id"], sender=payload["sender"])

    def _changed(self, topic: str, change: Change) -> None:
        if change.record:
            self._emit("changed", topic=topic, id=change.record["id"])

    def _emit(self, f: str, **value: Any) -> None:
        self._listener(Op(process=self._name, type="info", f=f, value=value))


def _send_op(result: SendResult) -> Type:
    match result.outcome:
        case "acked":
            return "ok"
        case "expired" | "overflowed":
            return "fail"
        case "failed" if not result.reason.startswith("refused"):
            return "fail"
        case _:
            # Written without an answer, or refused by the server that it had reached.
            return "info"
