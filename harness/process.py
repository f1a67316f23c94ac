"""One client under test: every call of it is written down as it begins and as it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from harness.clients.contract import Client
from harness.clients.vocabulary import complaint
from harness.history import Op, Type
from harness.nemesis.levers import Moment
from harness.recorder import Recorder
from harness.redact import redact
from harness.wishes import Wishes
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
        self._own_calls: dict[int, tuple[Op, asyncio.Future[None]]] = {}
        # The newest one that the application has given it, if any.
        self._token: Mapping[str, Any] | None = None
        self.mishaps = Mishaps()
        self.wishes = Wishes()
        # Those without what a race wants for a moment.
        self.lasting_wishes = Wishes()
        # Told of each call that the client's own program makes in a callback.
        self.on_own_call: Callable[[asyncio.Future[None]], None] = lambda ended: None
        client.on_event(self._called_back)

    def reopen(self) -> None:
        """What the application does when the client's process has ended: all of it again.

        Nobody waits for it: whoever starts a process has healed what killed it.
        """
        self.spawn(self._reopen())

    async def _reopen(self) -> None:
        await self.call("open", {}, lasting=False)
        for topic in self.wishes.wanted:
            self.begin("subscribe", {"topic": topic}, lasting=False)

    async def call(self, f: str, value: Mapping[str, Any], *, lasting: bool = True) -> None:
        """Make one call; what the application wants changes as the call begins.

        `lasting` says whether it wants that for longer than a race.
        """
        self._wish(f, value, lasting=lasting)
        if f == "subscribe":
            # Whoever subscribes again wants what was wanted of the topic before.
            value = self._asked[value["topic"]] = {**self._asked.get(value["topic"], {}), **value}
        if f == "set_token":
            value = self._token = value if "token" in value else self.with_token(value)
        op = replace(self._recorder.invoke(self.name, f, value), value=value)
        calls = {"open": self._open, "close": self._close}
        try:
            await self._complete(op, calls.get(f, lambda: self.client.invoke(op)))
        except asyncio.CancelledError:
            if f == "open":
                self.wishes.is_open = False  # Nobody knows, so it must be asked for again.
            raise
        if f == "open" and self._token is not None:
            # A client that was started anew knows of no token.
            await self.call("set_token", self._token, lasting=lasting)

    def send(self, topic: str, number: int) -> None:
        """Broadcast without waiting for the answer."""
        if len(self._outstanding) < OUTSTANDING_MAX:
            self.begin("broadcast", {"topic": topic, "id": number})

    def begin(self, f: str, value: Mapping[str, Any], *, lasting: bool = True) -> None:
        """Make a call without waiting for its end."""
        self.spawn(self.call(f, value, lasting=lasting))

    def begin_passing(
        self, f: str, value: Mapping[str, Any], cancelled: Moment | None
    ) -> asyncio.Task[None]:
        """Make a call of a race, and cancel it at a moment after it was made, if one is said."""
        task = self._keep(self.call(f, value, lasting=False))
        if cancelled is not None:
            # Begins after the call: what was never called could not be cancelled.
            self.spawn(_cancel(task, cancelled))
        return task

    def spawn(self, story: Coroutine[Any, Any, None]) -> None:
        """Let a part of the application run until it ends or the client is closed at last."""
        _ = self._keep(story)

    def _keep(self, story: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._context.copy().run(asyncio.create_task, story)
        self._outstanding[task] = None
        task.add_done_callback(lambda done: self._outstanding.pop(done, None))
        return task

    async def close(self) -> None:
        """Close the client, whatever it thinks of that."""
        for task in list(self._outstanding):
            task.cancel()
        closing = asyncio.create_task(self._end())
        await asyncio.wait([closing], timeout=CLOSE_WITHIN_S)
        closing.cancel()

    def with_token(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The value of a `set_token` with the token that it names."""
        token_id, lifetime_s = value["token_id"], value.get("lifetime_s", TOKEN_LIFETIME_S)
        token = self._env.levers.server.token(self.name, token_id, lifetime_s)
        return {**value, "token": token}

    def _wish(self, f: str, value: Mapping[str, Any], *, lasting: bool) -> None:
        if lasting:
            self.lasting_wishes.change(f, value)
        for topic, wanted in self.wishes.change(f, value).items():
            self._recorder.want(self.name, topic, wanted)

    def _called_back(self, op: Op) -> None:
        """What a client says goes into the history first; then the application has its way."""
        if wrong := complaint(op, self.name):
            self._recorder.refuse(wrong)
            return
        if op.id is not None:
            self._called_by_program(op, op.id)
            return
        self._recorder.record(op)
        self.mishaps.happen(op.f)

    def _called_by_program(self, op: Op, number: int) -> None:
        """A call that the program of the client makes by itself begins, or has ended."""
        if op.type == "invoke":
            self._wish(op.f, op.value, lasting=False)
            ended = asyncio.get_running_loop().create_future()
            self._own_calls[number] = self._recorder.invoke(self.name, op.f, op.value), ended
            self.on_own_call(ended)
        elif number in self._own_calls:
            begun, ended = self._own_calls.pop(number)
            self._recorder.complete(begun, op.type, op.error)
            ended.set_result(None)

    async def _end(self) -> None:
        with suppress(Exception, SystemExit):
            await self.client.close()

    async def _open(self) -> Op:
        await self.client.open(self._env.url_for(self.client, self.name), self.name)
        return Op(process=self.name, type="ok", f="open")

    async def _close(self) -> Op:
        await self.client.close()
        return Op(process=self.name, type="ok", f="close")

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
            error = f"no answer within {CALL_WITHIN_S:g} s"
            self._recorder.complete(op, "info", error, unanswered=True)


async def _cancel(task: asyncio.Task[None], moment: Moment) -> None:
    await pause(moment)
    task.cancel()


async def pause(moment: Moment) -> None:
    """Let so many seconds pass, and then so many turns of the event loop."""
    if moment.after_s:
        await asyncio.sleep(moment.after_s)
    for _ in range(moment.turns):
        await asyncio.sleep(0)


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
