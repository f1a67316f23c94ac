"""The application that holds the clients of a run, as far as the nemesis can meddle with it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from harness.clients.contract import OwnProcess
from harness.nemesis import CannotExpress, Victims
from harness.nemesis.levers import ApiCall, Mishap
from harness.process import Process


class Application:
    """Code, calls and tokens of the application; `harness.nemesis.levers.Application`."""

    def __init__(self, processes: Mapping[str, Process], topic: str) -> None:
        self._processes = processes
        self._topic = topic
        # Past the numbers that the workload counts up to.
        self._numbers = itertools.count(1_000_000)

    @asynccontextmanager
    async def callbacks(self, victims: Victims, event: str, mishap: Mishap) -> AsyncIterator[None]:
        """Whatever a client says goes into the history first; then the application has its way."""
        added = [
            (process, process.mishaps.add(event, partial(mishap, partial(self._make, process))))
            for process in self._hit(victims)
        ]
        try:
            yield
        finally:
            for process, key in added:
                process.mishaps.remove(key)

    def race(self, victims: Victims, calls: Sequence[ApiCall]) -> None:
        """Each call is a task of its own: they begin in order, before anything else happens."""
        for process in self._hit(victims):
            for call in calls:
                self._make(process, call)

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
        await asyncio.gather(*(process.reopen() for process in hit))

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
            await self._meddle(victims, "slow_callbacks", seconds=0.0)

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
            await self._meddle(victims, "clock_drift", factor=1.0)

    async def _meddle(self, victims: Victims, f: str, **value: float) -> None:
        hit = [self._own(process) for process in self._hit(victims)]
        await asyncio.gather(*(own.meddle(f, value) for own in hit))

    @staticmethod
    def _own(process: Process) -> OwnProcess:
        if isinstance(process.client, OwnProcess):
            return process.client
        raise CannotExpress(
            f"{process.name} shares our process; run it as a program, as manager_process does"
        )

    def _make(self, process: Process, call: ApiCall) -> None:
        number = next(self._numbers)
        value: dict[str, Any] = {"topic": call.topic or self._topic}
        if call.f == "broadcast":
            value["id"] = number
        if call.f == "set_token":
            value = {"token_id": f"{process.name}-{number}"}
        process.begin(call.f, value, call.cancel_after_s)

    def _hit(self, victims: Victims) -> list[Process]:
        return [
            process
            for name, process in self._processes.items()
            if victims is None or name in victims
        ]
