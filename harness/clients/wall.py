"""The wall clock of a program of our own, which can be set: whoever asks `time` gets its time."""

from __future__ import annotations

import time

from harness.sim import wall_clocks


class WallClock:
    """Shows the machine's time until `jump`. The loop's clock and the monotonic one stay right."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def install(self) -> None:
        """Take the place of the clocks in `time`, for the rest of the process.

        To be called before the client is imported: it may keep what it finds there.
        """
        wall_s, wall_ns = time.time, time.time_ns
        for name, clock in wall_clocks(
            lambda: wall_s() + self._ahead_s, lambda: wall_ns() + round(self._ahead_s * 1e9)
        ):
            setattr(time, name, clock)

    def jump(self, by_s: float) -> None:
        """It shows so much more from now on; less, if that is negative."""
        self._ahead_s += by_s
