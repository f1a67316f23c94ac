"""An event loop whose clock can be set wrong: it jumps, or runs too fast or too slow."""

from __future__ import annotations

import asyncio

from harness.sim import WrongClock

TICK_S = 0.02
"""While the clock runs fast the loop looks at it this often: its selector waits in real time."""


class SkewedLoop(asyncio.SelectorEventLoop):
    """A loop like any other until `jump` or `drift`; each timer obeys the wrong clock.

    `time.time()` and `time.monotonic()` go on as they were, as they do in a simulated process.
    """

    def __init__(self) -> None:
        self._clock = WrongClock()
        self._factor = 1.0
        super().__init__()

    def time(self) -> float:
        """What the wrong clock shows."""
        return self._clock.shows(super().time())

    def jump(self, by_s: float) -> None:
        """It shows so much more from now on; less, if that is negative."""
        self._clock.jump(by_s)
        self._look()

    def drift(self, factor: float) -> None:
        """It runs so many times as fast as the real one from now on; 1 is right again."""
        self._clock.drift(factor, super().time())
        self._factor = factor
        self._look()

    def _look(self) -> None:
        if self._factor > 1:
            self.call_later(TICK_S * self._factor, self._look)
        else:
            self.call_soon(lambda: None)
