"""A program that is far behind keeps no heal waiting."""

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.application import HEARD_WITHIN_S, Application
from harness.process import Process
from harness.sim import run
from harness.sim.loop import SimLoop


class Busy:
    """Says yes once, and then nothing any more."""

    asked = 0

    def suspend(self) -> None: ...

    def resume(self) -> None: ...

    async def kill(self) -> None: ...

    async def meddle(self, f: str, value: Mapping[str, Any]) -> None:
        self.asked += 1
        if self.asked > 1:
            await asyncio.Event().wait()


class Held:
    """As much of a process as the application looks at."""

    name = "client-0"

    def __init__(self) -> None:
        self.client = Busy()


def test_a_heal_does_not_wait_for_a_program_that_is_far_behind() -> None:
    held: Any = Held()
    processes: Mapping[str, Process] = {"client-0": held}

    async def story(loop: SimLoop) -> float:
        async with Application(processes, "room").slow_callbacks(None, 0.5):
            began_s = loop.time()
        return loop.time() - began_s

    assert run(story, seed=1) <= HEARD_WITHIN_S + 0.1
    assert held.client.asked == 2
