"""The bare official Python client, `realtime`, unmodified and with its defaults."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates
from realtime.types import RealtimeAcknowledgementStatus

from harness.clients.contract import Listener
from harness.clients.endpoint import split_key
from harness.history import Op, Type

ACK_WITHIN_S = 10.5
"""The library gives a push 10 s; a little more, so that its own word comes first."""

_STATUS_OPS = {
    RealtimeSubscribeStates.SUBSCRIBED: "joined",
    RealtimeSubscribeStates.CHANNEL_ERROR: "lost",
    RealtimeSubscribeStates.TIMED_OUT: "lost",
    RealtimeSubscribeStates.CLOSED: "closed",
}


class RealtimePy:
    """Speaks the client contract for `realtime.AsyncRealtimeClient`."""

    def __init__(self, rng: Random) -> None:
        # The library draws no randomness of its own; the generator is the contract's.
        self._listener: Listener = lambda op: None
        self._channels: dict[str, AsyncRealtimeChannel] = {}
        self._client: AsyncRealtimeClient | None = None
        self._name = ""

    async def open(self, url: str, name: str) -> None:
        """Connect as the README of the library does, again after a close."""
        base, key = split_key(url)
        self._name = name
        logging.getLogger("realtime").setLevel(logging.CRITICAL)
        if self._client is None:
            self._client = AsyncRealtimeClient(base, token=key)
        await self._client.connect()

    def on_event(self, listener: Listener) -> None:
        """Translate status callbacks and broadcasts into ops."""
        self._listener = listener

    async def invoke(self, op: Op) -> Op:
        """Subscribe, leave, broadcast or set_token by the library's public calls."""
        call: Callable[[Op], Awaitable[Op]] = getattr(self, f"_{op.f}")
        return await call(op)

    async def close(self) -> None:
        """Close the socket and end the library's tasks."""
        if self._client:
            with contextlib.suppress(Exception):
                await self._client.close()

    async def _subscribe(self, op: Op) -> Op:
        assert self._client is not None
        topic = op.value["topic"]
        channel = self._client.channel(
            topic,
            {
                "config": {
                    "broadcast": {"ack": True, "self": False},
                    "presence": {"key": "", "enabled": False},
                    "private": False,
                }
            },
        )
        if self._channels.get(topic) is not channel:  # The library gives the one that it has.
            channel.on_broadcast("n", partial(self._received, topic))
            for one in op.value.get("changes", ()):
                channel.on_postgres_changes(callback=partial(self._changed, topic), **one)
            channel.on_system(partial(self._system, topic))
        self._channels[topic] = channel
        await channel.subscribe(partial(self._status, topic))
        return replace(op, type="ok" if channel.is_joined else "info")

    async def _leave(self, op: Op) -> Op:
        await self._channels[op.value["topic"]].unsubscribe()
        return replace(op, type="ok")

    async def _broadcast(self, op: Op) -> Op:
        channel = self._channels[op.value["topic"]]
        payload = {"id": op.value["id"], "sender": self._name}
        answered: asyncio.Future[Type] = asyncio.get_running_loop().create_future()
        push = await channel.push(
            "broadcast", {"type": "broadcast", "event": "n", "payload": payload}
        )
        push.receive(RealtimeAcknowledgementStatus.Ok, lambda reply: _settle(answered, "ok"))
        # An error or no answer: the frame may have reached the server all the same.
        push.receive(RealtimeAcknowledgementStatus.Error, lambda reply: _settle(answered, "info"))
        push.receive(RealtimeAcknowledgementStatus.Timeout, lambda: _settle(answered, "info"))
        try:
            async with asyncio.timeout(ACK_WITHIN_S):
                return replace(op, type=await answered)
        except TimeoutError:
            return replace(op, type="info")

    async def _set_token(self, op: Op) -> Op:
        assert self._client is not None
        await self._client.set_auth(op.value["token"])
        return replace(op, type="ok")

    def _status(self, topic: str, status: RealtimeSubscribeStates, error: Exception | None) -> None:
        reason = f"{status.value}: {error}" if error else status.value
        self._emit(_STATUS_OPS[status], topic=topic, reason=reason)

    def _received(self, topic: str, message: Any) -> None:
        payload = message["payload"]
        self._emit("received", topic=topic, id=payload["id"], sender=payload["sender"])

    def _changed(self, topic: str, message: Any) -> None:
        self._emit("changed", topic=topic, id=message["data"]["record"]["id"])

    def _system(self, topic: str, message: Any) -> None:
        """The library passes on the good ones; an error is a CHANNEL_ERROR to it."""
        if message.extension == "postgres_changes":
            self._emit("feed_live", topic=topic)

    def _emit(self, f: str, **value: Any) -> None:
        self._listener(Op(process=self._name, type="info", f=f, value=value))


def _settle(future: asyncio.Future[Type], answer: Type) -> None:
    if not future.done():
        future.set_result(answer)
