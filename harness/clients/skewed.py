"""An event loop whose clock can be set wrong: it jumps, or runs too fast or too slow."""

from __future__ import annotations

import asyncio

TICK_S = 0.02
"""While the clock runs fast the loop looks at it this often: its selector waits in real time."""


class SkewedLoop(asyncio.SelectorEventLoop):
    """A loop like any other until `jump` or `drift`; each timer obeys the wrong clock."""

    def __init__(self) -> None:
        # The real and the shown time at which the factor was set last.
        self._real_s = self._shown_s = 0.0
        self._factor = 1.0
        super().__init__()

    def time(self) -> float:
        """What the wrong clock shows."""
        return self._shown_s + (super().time() - self._real_s) * self._factor

    def jump(self, by_s: float) -> None:
        """It shows so much more from now on; less, if that is negative."""
        self._shown_s += by_s
        self._look()

    def drift(self, factor: float) -> None:
        """It runs so many times as fast as the real one from now on; 1 is right again."""
        real_s = super().time()
        self._shown_s, self._real_s = self.time(), real_s
        self._factor = factor
        self._look()

    def _look(self) -> None:
        if self._factor > 1:
            self.call_later(TICK_S * self._factor, self._look)
        else:
            self.call_soon(lambda: None)
