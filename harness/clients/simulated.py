"""A client of any maker as a process of its own in virtual time: one of the loop's hosts.

It is to a Python client what `harness.clients.program` is to a program: the same calls strike it,
and it says the same when it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, TypeVar

from harness.clients.callbacks import Callbacks
from harness.clients.contract import Client, Listener, Maker
from harness.clients.held_topics import HeldTopics
from harness.clients.program import ProgramFailed
from harness.history import Op
from harness.nemesis import CannotExpress
from harness.sim import Host, SimLoop

T = TypeVar("T")

KILLED = "the process was killed"


class Simulated:
    """Speaks the client contract, and `OwnProcess`, for a client that `maker` makes.

    `draw` gives the client its generator, the same at each start. Raises whatever the maker does.
    """

    def __init__(self, maker: Maker, draw: Callable[[], Random], loop: SimLoop, name: str) -> None:
        self._maker = maker
        self._draw = draw
        self._loop = loop
        self._name = name
        self._listener: Listener = lambda op: None
        self._url = ""
        self._own_ids = itertools.count(-1, -1)
        self._own_calls: dict[asyncio.Task[None], None] = {}
        self._start()

    def _start(self) -> None:
        """A new process, and in it a client that knows nothing of another."""
        self._host: Host = self._loop.make_host(self._name)
        self._callbacks = Callbacks(self._host.stand_for, partial(self._call, self._host))
        self._held = HeldTopics()
        self._killed: asyncio.Future[None] = self._loop.create_future()
        self._client: Client = self._host.run(self._maker, self._draw())
        self._host.run(self._client.on_event, partial(self._heard, self._host))

    # The contract.

    async def open(self, url: str, name: str) -> None:
        """Start the process again if it was killed, and let the client connect."""
        self._url = url
        if self._killed.done():
            self._start()
        await self._ask(lambda: self._client.open(url, name))

    async def invoke(self, op: Op) -> Op:
        """Ask the client. Raises `ProgramFailed` where it is dead, or dies before it answers."""
        return await self._ask(lambda: self._client.invoke(op))

    def on_event(self, listener: Listener) -> None:
        """Pass on its events."""
        self._listener = listener

    async def close(self) -> None:
        """Let the client close; what was killed has nothing to close."""
        if not self._killed.done():
            self.resume()
            await self._ask(self._client.close)

    # A process of its own.

    def suspend(self) -> None:
        """Nothing of it runs; the kernel goes on taking in what its buffers hold."""
        self._host.suspend()

    def resume(self) -> None:
        """It goes on with what had come due."""
        self._host.resume()

    async def kill(self) -> None:
        """Nothing of it runs again. What was joined is lost, and whoever watches it knows it."""
        if self._killed.done():
            return
        self._host.kill()
        self._killed.set_result(None)
        for op in self._held.lost(self._name, KILLED):
            self._listener(op)

    async def meddle(self, f: str, value: Mapping[str, Any]) -> None:
        """What `OwnProcess.meddle` lists. Raises `CannotExpress`, and `ProgramFailed` if dead."""
        if self._killed.done():
            raise ProgramFailed(KILLED)
        meddle: Mapping[str, Callable[..., None]] = {
            "block": self._host.stand_for,
            "slow_callbacks": self._callbacks.slow,
            "raise_in_callbacks": self._callbacks.raising,
            "reenter_callbacks": self._callbacks.reentering,
            "clock_jump": self._host.jump,
            "clock_drift": self._host.drift,
            "wall_clock_jump": self._host.wall_jump,
        }
        if f not in meddle:
            raise CannotExpress(f"a simulated process does not know {f!r}")
        meddle[f](**value)

    # Inside.

    def _heard(self, host: Host, op: Op) -> None:
        if host is not self._host:
            return
        self._held.heard(op)
        self._listener(op)
        self._callbacks.happen(op)

    def _call(self, host: Host, f: str, value: Mapping[str, Any]) -> None:
        """The application in the process makes a call by itself, and says so."""
        told = {key: one for key, one in value.items() if key != "token"}
        op = Op(process=self._name, type="invoke", f=f, value=told, id=next(self._own_ids))
        self._listener(op)
        task = self._loop.create_task(self._end(host, op, value), context=host.context())
        self._own_calls[task] = None
        task.add_done_callback(lambda done: self._own_calls.pop(done, None))

    async def _end(self, host: Host, op: Op, value: Mapping[str, Any]) -> None:
        answer, error = await _answer(lambda: self._made(op, value))
        if host is not self._host:
            return
        said = "info" if answer is None else answer.type
        self._listener(replace(op, type=said, error=repr(error) if error else None))

    async def _made(self, op: Op, value: Mapping[str, Any]) -> Op:
        match op.f:
            case "open":
                await self._client.open(self._url, self._name)
            case "close":
                await self._client.close()
            case _:
                return await self._client.invoke(replace(op, value=value))
        return replace(op, type="ok")

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run it in the process, until it ends or the process does."""
        if self._killed.done():
            raise ProgramFailed(KILLED)
        answering = self._loop.create_task(_answer(call), context=self._host.context())
        try:
            ends: list[asyncio.Future[Any]] = [answering, self._killed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Of a client that stands still or ignores it, nobody waits for the end.
            if not answering.done():
                answering.cancel()
        if not answering.done():
            raise ProgramFailed(KILLED)
        answer, error = answering.result()
        if error is not None:
            raise error
        return answer  # type: ignore[return-value]


async def _answer(call: Callable[[], Awaitable[T]]) -> tuple[T | None, BaseException | None]:
    """What a call comes to. An exit would end the loop, and with it all others."""
    try:
        return await call(), None
    except (Exception, SystemExit) as error:
        return None, error
