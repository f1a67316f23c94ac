"""One client under test: every call of it is written down as it begins and as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from harness.clients.contract import Client
from harness.history import Op, Type
from harness.recorder import Recorder
from harness.redact import redact
from harness.worlds.world import Env

CALL_WITHIN_S = 40.0
"""The longest that the runner waits for a client's answer; the op is then `info`."""
CLOSE_WITHIN_S = 10.0
SENDS_OUTSTANDING_MAX = 100
"""Broadcasts of one client that may be under way; at the bound it skips a turn."""


class Process:
    """One client under test."""

    def __init__(self, name: str, client: Client, env: Env, recorder: Recorder) -> None:
        self.name = name
        self._client = client
        self._env = env
        self._recorder = recorder
        self._outstanding: dict[asyncio.Task[None], None] = {}
        client.on_event(recorder.event)

    async def open(self) -> None:
        """Make the client connect."""
        op = self._recorder.invoke(self.name, "open", {})
        await self._complete(op, self._open)

    async def call(self, f: str, value: Mapping[str, object]) -> None:
        """Make one call; what the application wants changes as the call begins."""
        if f in ("subscribe", "leave"):
            self._recorder.want(self.name, str(value["topic"]), f == "subscribe")
        if f == "set_token":
            token_id = str(value["token_id"])
            value = {**value, "token": self._env.levers.server.token(self.name, token_id)}
        op = replace(self._recorder.invoke(self.name, f, value), value=value)
        await self._complete(op, lambda: self._client.invoke(op))

    def send(self, topic: str, number: int) -> None:
        """Broadcast without waiting for the answer."""
        if len(self._outstanding) >= SENDS_OUTSTANDING_MAX:
            return
        task = asyncio.create_task(self.call("broadcast", {"topic": topic, "id": number}))
        self._outstanding[task] = None
        task.add_done_callback(lambda done: self._outstanding.pop(done, None))

    async def close(self) -> None:
        """Close the client, whatever it thinks of that."""
        for task in list(self._outstanding):
            task.cancel()
        closing = asyncio.create_task(self._close())
        await asyncio.wait([closing], timeout=CLOSE_WITHIN_S)
        closing.cancel()

    async def _close(self) -> None:
        with suppress(Exception, SystemExit):
            await self._client.close()

    async def _open(self) -> Op:
        await self._client.open(self._env.url(self.name), self.name)
        return Op(process=self.name, type="ok", f="open")

    async def _complete(self, op: Op, call: Callable[[], Awaitable[Op]]) -> None:
        answering = asyncio.ensure_future(_answer(call))
        try:
            # Not `asyncio.timeout`: a client may ignore its cancellation.
            answered, _ = await asyncio.wait([answering], timeout=CALL_WITHIN_S)
        finally:
            answering.cancel()
        if answered:
            self._recorder.complete(op, *answering.result())
        else:
            self._recorder.complete(op, "info", f"no answer within {CALL_WITHIN_S:g} s")


async def _answer(call: Callable[[], Awaitable[Op]]) -> tuple[Type, str | None]:
    """How a call ended. A crash of the client, even an exit, is its answer and not our end."""
    try:
        done = await call()
    except (Exception, SystemExit) as error:
        return "info", words(error)
    if not isinstance(done, Op):
        return "info", f"the client returned a {type(done).__name__}, not an Op"
    return done.type, done.error


def words(error: BaseException) -> str:
    """An exception in words, without secrets."""
    return redact(f"{type(error).__name__}: {error}")
