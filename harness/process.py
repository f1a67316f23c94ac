"""One client under test: every call of it is written down as it begins and as it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from harness.clients.contract import Client
from harness.history import Op, Type
from harness.recorder import Recorder
from harness.redact import redact
from harness.worlds.world import Env

CALL_WITHIN_S = 40.0
"""The longest that the runner waits for a client's answer; the op is then `info`."""
CLOSE_WITHIN_S = 10.0
TOKEN_LIFETIME_S = 3600.0
OUTSTANDING_MAX = 100
"""Calls of one client that may be under way when it sends; at the bound it skips a turn."""


class Mishaps:
    """What goes wrong in the callbacks of one client, by event; none as a rule."""

    def __init__(self) -> None:
        self._by_key: dict[int, tuple[str, Callable[[], None]]] = {}
        self._keys = itertools.count()

    def add(self, event: str, mishap: Callable[[], None]) -> int:
        """From now on it happens in each callback of that event; returns the key to remove it."""
        key = next(self._keys)
        self._by_key[key] = event, mishap
        return key

    def remove(self, key: int) -> None:
        """It happens no more."""
        del self._by_key[key]

    def happen(self, event: str) -> None:
        """Raises whatever a mishap raises."""
        for wanted, mishap in list(self._by_key.values()):
            if wanted == event:
                mishap()


class Process:
    """One client under test."""

    def __init__(self, name: str, client: Client, env: Env, recorder: Recorder) -> None:
        self.name = name
        self.client = client
        self._env = env
        self._recorder = recorder
        self._outstanding: dict[asyncio.Task[None], None] = {}
        # A call that a callback begins is ours, and not of the process that has called back.
        self._context = copy_context()
        # By topic, how it was subscribed last.
        self._asked: dict[str, Mapping[str, Any]] = {}
        self.mishaps = Mishaps()
        client.on_event(self._called_back)

    async def open(self) -> None:
        """Make the client connect."""
        op = self._recorder.invoke(self.name, "open", {})
        await self._complete(op, self._open)

    def reopen(self) -> None:
        """What the application does when the client's process has ended: all of it again.

        Nobody waits for it: whoever starts a process has healed what killed it.
        """
        self._keep(asyncio.create_task(self._reopen()))

    async def _reopen(self) -> None:
        await self.open()
        for topic in self._recorder.wanted_by(self.name):
            self.begin("subscribe", {"topic": topic})

    async def call(self, f: str, value: Mapping[str, Any]) -> None:
        """Make one call; what the application wants changes as the call begins."""
        if f in ("subscribe", "leave"):
            self._recorder.want(self.name, str(value["topic"]), f == "subscribe")
        if f == "subscribe":
            # Whoever subscribes again wants what was wanted of the topic before.
            value = self._asked[value["topic"]] = {**self._asked.get(value["topic"], {}), **value}
        if f == "set_token":
            value = {**value, "token": self._token(**value)}
        op = replace(self._recorder.invoke(self.name, f, value), value=value)
        await self._complete(op, lambda: self.client.invoke(op))

    def send(self, topic: str, number: int) -> None:
        """Broadcast without waiting for the answer."""
        if len(self._outstanding) < OUTSTANDING_MAX:
            self.begin("broadcast", {"topic": topic, "id": number})

    def begin(self, f: str, value: Mapping[str, Any], cancel_after_s: float | None = None) -> None:
        """Make a call without waiting for its end; cancel it so much later, if that is said."""
        self._context.copy().run(self._begin, f, value, cancel_after_s)

    def _begin(self, f: str, value: Mapping[str, Any], cancel_after_s: float | None) -> None:
        task = asyncio.create_task(self.call(f, value))
        self._keep(task)
        if cancel_after_s is not None:
            # One tick at least: a task that never began would have called nothing.
            loop = asyncio.get_running_loop()
            loop.call_later(cancel_after_s, lambda: loop.call_soon(task.cancel))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._outstanding[task] = None
        task.add_done_callback(lambda done: self._outstanding.pop(done, None))

    async def close(self) -> None:
        """Close the client, whatever it thinks of that."""
        for task in list(self._outstanding):
            task.cancel()
        closing = asyncio.create_task(self._close())
        await asyncio.wait([closing], timeout=CLOSE_WITHIN_S)
        closing.cancel()

    def _called_back(self, op: Op) -> None:
        """What a client says goes into the history first; then the application has its way."""
        self._recorder.record(op)
        self.mishaps.happen(op.f)

    def _token(self, token_id: str, lifetime_s: float = TOKEN_LIFETIME_S) -> str:
        return self._env.levers.server.token(self.name, token_id, lifetime_s)

    async def _close(self) -> None:
        with suppress(Exception, SystemExit):
            await self.client.close()

    async def _open(self) -> Op:
        await self.client.open(self._env.url_for(self.client, self.name), self.name)
        return Op(process=self.name, type="ok", f="open")

    async def _complete(self, op: Op, call: Callable[[], Awaitable[Op]]) -> None:
        answering = asyncio.ensure_future(_answer(call))
        try:
            # Not `asyncio.timeout`: a client may ignore its cancellation.
            answered, _ = await asyncio.wait([answering], timeout=CALL_WITHIN_S)
        except asyncio.CancelledError:
            self._recorder.complete(op, "info", "the application cancelled it")
            raise
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
