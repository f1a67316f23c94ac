"""All users of one process, in its asyncio thread: they come, go, and at the end settle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.entropy import substream
from loadtests.measure import Measure, Row
from loadtests.target import Target
from loadtests.user import SteadyUser


@dataclass(frozen=True, slots=True)
class Plan:
    """How the users of one process behave."""

    target: Target
    period_s: float
    """Between two messages of one user."""
    seed: int
    process: int
    """Which of the processes this is; names its users' streams of randomness."""
    topic: str
    """Begins every topic, and sets two load tests on one server apart."""


class Crew:
    """The users of one process and what they measure."""

    def __init__(self, plan: Plan, on_row: Callable[[Row], None]) -> None:
        self._plan = plan
        self._measure = Measure(on_row)
        self._users: dict[int, SteadyUser] = {}
        self._settling: asyncio.Task[None] | None = None

    async def start(self, number: int) -> None:
        """One more user; once the crew settles, nobody starts."""
        if self._settling:
            return
        name = f"{self._plan.process}/{number}"
        topic = f"{self._plan.topic}/{name}"
        rng = substream(self._plan.seed, f"load/{name}")
        user = SteadyUser(self._plan.target, topic, self._plan.period_s, rng, self._measure)
        self._users[number] = user
        await user.start()

    async def leave(self, number: int) -> None:
        """One user goes before the others do; it settles first, so that it loses nothing."""
        user = self._users.pop(number, None)
        if user and not self._settling:
            await user.settle()
            await user.close()

    async def settle(self) -> dict[str, Any]:
        """Let every message come back, end the measurement, close every user; returns the tally."""
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle(list(self._users.values())))
        await asyncio.shield(self._settling)
        return self._measure.tally.to_json()

    async def snapshot(self) -> dict[str, Any]:
        """The tally as it stands."""
        return self._measure.tally.to_json()

    async def _settle(self, users: list[SteadyUser]) -> None:
        await asyncio.gather(*(user.settle() for user in users))
        self._measure.count("settled")
        self._measure.close()
        await asyncio.gather(*(user.close() for user in users))
