"""Calls that one application makes side by side, and its way back to what it wants for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.nemesis.levers import ApiCall
from harness.process import Process, pause

RACE_WITHIN_S = 10.0
"""How long an application waits for the calls of a race before it goes on without them."""

Ended = asyncio.Future[None]


class Races:
    """The races of one client; they may overlap.

    When the last of them is over, the application has its client open again if it closed it, joins
    what it wants for good and leaves everything else: what it wants is the same before and after.
    """

    def __init__(self, process: Process, topic: str, numbers: Iterator[int]) -> None:
        self._process = process
        self._topic = topic
        self._numbers = numbers
        self._under_way = 0
        process.on_own_call = lambda ended: self._over_with([ended])

    @property
    def is_under_way(self) -> bool:
        """Whether the application may still want something else than it wants for good."""
        return self._under_way > 0

    def run(self, calls: Sequence[ApiCall]) -> None:
        """Make the calls one after the other, each at its moment."""
        self._under_way += 1
        self._process.spawn(self._run(calls))

    def run_at_once(self, calls: Sequence[ApiCall]) -> None:
        """Make the calls before this returns."""
        self._over_with([self._begin(call) for call in calls])

    def values(self, call: ApiCall) -> Mapping[str, Any]:
        """What the call says, with numbers and names of its own."""
        match call.f:
            case "open" | "close":
                return {}
            case "set_token":
                return {"token_id": f"{self._process.name}-{next(self._numbers)}"}
        topic = {"topic": call.topic or self._topic}
        return {**topic, "id": next(self._numbers)} if call.f == "broadcast" else topic

    async def _run(self, calls: Sequence[ApiCall]) -> None:
        begun: list[Ended] = []
        for call in calls:
            if call.waits and begun:
                await asyncio.wait(begun[-1:], timeout=RACE_WITHIN_S)
            await pause(call.begins)
            begun.append(self._begin(call))
        await self._end(begun)

    def _begin(self, call: ApiCall) -> Ended:
        value = self.values(call)
        return self._process.begin_passing(call.f, value, call.cancelled)

    def _over_with(self, begun: Sequence[Ended]) -> None:
        self._under_way += 1
        self._process.spawn(self._end(begun))

    async def _end(self, begun: Sequence[Ended]) -> None:
        try:
            await asyncio.wait(begun, timeout=RACE_WITHIN_S)
            if self._under_way == 1:
                await self._go_back()
        finally:
            self._under_way -= 1

    async def _go_back(self) -> None:
        process, lasting = self._process, self._process.lasting_wishes
        reopened = False
        while lasting.is_open and not process.wishes.is_open:
            reopened = True
            await process.call("open", {}, lasting=False)
        for topic in list(process.wishes.topics):
            if topic not in lasting.wanted:
                process.begin("leave", {"topic": topic}, lasting=False)
        for topic in lasting.wanted:
            if reopened or topic not in process.wishes.wanted:
                process.begin("subscribe", {"topic": topic}, lasting=False)
        await asyncio.sleep(0)  # Wishes are written down as the calls begin.
