"""The application that holds the clients of a run, as far as the nemesis can meddle with it."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

from harness.clients.contract import CallbackRaised, Client, OwnProcess
from harness.clients.program import ProgramFailed
from harness.nemesis import CannotExpress, Victims
from harness.nemesis.levers import ApiCall
from harness.process import Process
from harness.race import Races

HEARD_WITHIN_S = 2.0
"""How long a heal waits for a program to say that it has heard."""


class Application:
    """Code, calls and tokens of the application; `harness.nemesis.levers.Application`."""

    def __init__(self, processes: Mapping[str, Process], topic: str) -> None:
        self._processes = processes
        # Past the numbers that the workload counts up to.
        self._numbers = itertools.count(1_000_000)
        self._races = {
            name: Races(process, topic, self._numbers) for name, process in processes.items()
        }

    @property
    def is_racing(self) -> bool:
        """Whether a race of calls goes on at any client."""
        return any(races.is_under_way for races in self._races.values())

    @asynccontextmanager
    async def raising_callbacks(
        self, victims: Victims, event: str, count: int | None, struck: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Those of a program run in the program: it is told to raise, and here it is counted."""

        def raises() -> None:
            raise CallbackRaised(f"the application failed in a callback of {event!r}")

        value = {"event": event, "count": count}
        mishaps = {
            process: _AtMost(count, struck, _here(process, raises))
            for process in self._hit(victims)
            if await _has_heard(process.client, "raise_in_callbacks", value)
        }
        try:
            with _happening(event, mishaps):
                yield
        finally:
            await self._end(victims, "raise_in_callbacks", event=event, count=0)

    @asynccontextmanager
    async def reentering_callbacks(
        self,
        victims: Victims,
        event: str,
        count: int,
        calls: Sequence[ApiCall],
        struck: Callable[[], None],
    ) -> AsyncIterator[None]:
        """A program makes the calls itself, and says so; here it is counted."""
        mishaps = {}
        for process in self._hit(victims):
            times = [self._told(process, calls) for _ in range(count)]
            value = {"event": event, "times": times}
            if await _has_heard(process.client, "reenter_callbacks", value):
                reenters = partial(self._races[process.name].run_at_once, calls)
                mishaps[process] = _AtMost(count, struck, _here(process, reenters))
        try:
            with _happening(event, mishaps):
                yield
        finally:
            await self._end(victims, "reenter_callbacks", event=event, times=[])

    def race(self, victims: Victims, calls: Sequence[ApiCall]) -> None:
        """The client says what comes of it; the application goes on by itself."""
        for process in self._hit(victims):
            self._races[process.name].run(calls)

    def set_token(self, victims: Victims, lifetime_s: float) -> None:
        """As a provider does that was asked for a new one."""
        number = next(self._numbers)
        for process in self._hit(victims):
            value = {"token_id": f"{process.name}-{number}", "lifetime_s": lifetime_s}
            process.begin("set_token", value)

    @asynccontextmanager
    async def suspended(self, victims: Victims) -> AsyncIterator[None]:
        """SIGSTOP, and SIGCONT."""
        hit = [self._own(process) for process in self._hit(victims)]
        try:
            for own in hit:
                own.suspend()
            yield
        finally:
            for own in hit:
                own.resume()

    @asynccontextmanager
    async def killed(self, victims: Victims) -> AsyncIterator[None]:
        """SIGKILL, and what a supervisor does about it."""
        hit = {process: self._own(process) for process in self._hit(victims)}
        await asyncio.gather(*(own.kill() for own in hit.values()))
        yield
        for process in hit:
            process.reopen()

    async def block(self, victims: Victims, seconds: float) -> None:
        """Whatever else the loop would do waits."""
        await self._meddle(victims, "block", seconds=seconds)

    @asynccontextmanager
    async def slow_callbacks(self, victims: Victims, seconds: float) -> AsyncIterator[None]:
        """In the client's own process: in ours it would hold up the server as well."""
        await self._meddle(victims, "slow_callbacks", seconds=seconds)
        try:
            yield
        finally:
            await self._end(victims, "slow_callbacks", seconds=0.0)

    async def clock_jump(self, victims: Victims, by_s: float) -> None:
        """Every timer is due so much sooner, or later."""
        await self._meddle(victims, "clock_jump", by_s=by_s)

    @asynccontextmanager
    async def clock_drift(self, victims: Victims, factor: float) -> AsyncIterator[None]:
        """What the clock has gained or lost by the end, it keeps."""
        await self._meddle(victims, "clock_drift", factor=factor)
        try:
            yield
        finally:
            await self._end(victims, "clock_drift", factor=1.0)

    async def wall_clock_jump(self, victims: Victims, by_s: float) -> None:
        """What the clients' code is told of the time of day is so much later, or earlier."""
        await self._meddle(victims, "wall_clock_jump", by_s=by_s)

    async def _meddle(self, victims: Victims, f: str, **value: float) -> None:
        hit = [self._own(process) for process in self._hit(victims)]
        await asyncio.gather(*(_has_heard(own, f, value) for own in hit))

    async def _end(self, victims: Victims, f: str, **value: Any) -> None:
        """Heal the programs that still run; one that is far behind hears of it when it reads."""
        clients = [process.client for process in self._hit(victims)]
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_WITHIN_S):
                await asyncio.gather(*(_has_heard(one, f, value) for one in clients))

    @staticmethod
    def _own(process: Process) -> OwnProcess:
        if isinstance(process.client, OwnProcess):
            return process.client
        raise CannotExpress(
            f"{process.name} shares our process; run it as a program, as manager_process does, "
            "or in sim"
        )

    def _told(self, process: Process, calls: Sequence[ApiCall]) -> list[dict[str, Any]]:
        """The calls as a program is told to make them."""
        told = []
        for call in calls:
            value = self._races[process.name].values(call)
            value = process.with_token(value) if call.f == "set_token" else value
            told.append({"f": call.f, "value": dict(value)})
        return told

    def _hit(self, victims: Victims) -> list[Process]:
        return [
            process
            for name, process in self._processes.items()
            if victims is None or name in victims
        ]


async def _has_heard(client: Client | OwnProcess, f: str, value: Mapping[str, Any]) -> bool:
    """Meddle with a client that is a program. One that has been killed hears nothing: it is not
    struck, and has nothing to heal. One in our own process needs no word."""
    if isinstance(client, OwnProcess):
        try:
            await client.meddle(f, value)
        except ProgramFailed:
            return False
    return True


def _here(process: Process, act: Callable[[], None]) -> Callable[[], None]:
    """What happens in our process: nothing where the client is a program, which does it itself."""
    return (lambda: None) if isinstance(process.client, OwnProcess) else act


@contextmanager
def _happening(event: str, mishaps: Mapping[Process, Callable[[], None]]) -> Iterator[None]:
    """In the callbacks of that event, while the block lasts."""
    added = [(process, process.mishaps.add(event, one)) for process, one in mishaps.items()]
    try:
        yield
    finally:
        for process, key in added:
            process.mishaps.remove(key)


class _AtMost:
    """A mishap that happens no more than so often, None for always, and is counted."""

    def __init__(
        self, count: int | None, struck: Callable[[], None], act: Callable[[], None]
    ) -> None:
        self._left = math.inf if count is None else count
        self._struck = struck
        self._act = act

    def __call__(self) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        self._struck()
        self._act()
