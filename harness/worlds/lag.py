"""Watches whether a real event loop still turns: one that stood still has measured itself."""

from __future__ import annotations

import asyncio

LOOK_EVERY_S = 0.1
STALL_S = 2.0
"""A loop that stands still this long measures itself: shorter than any bound of a checker."""


class LagWatch:
    """Looks at the clock ten times a second; what it sees late is a stall of the whole loop."""

    def __init__(self) -> None:
        self._stalls: list[tuple[float, float]] = []

    async def watch(self) -> None:
        """Look for ever; runs as a task on the loop that it watches."""
        loop = asyncio.get_running_loop()
        while True:
            before_s = loop.time()
            await asyncio.sleep(LOOK_EVERY_S)
            self.seen(before_s, loop.time() - before_s - LOOK_EVERY_S)

    def seen(self, at_s: float, late_s: float) -> None:
        """Take down how late a look was."""
        if late_s >= STALL_S:
            self._stalls.append((at_s, late_s))

    def worst_since(self, since_s: float) -> float | None:
        """The longest stall that began or lasted after a moment of the loop's clock, in seconds."""
        return max((late for at, late in self._stalls if at + late >= since_s), default=None)
