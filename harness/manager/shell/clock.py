"""The clock that the core lives by: the loop's, which here never goes back."""

from __future__ import annotations


class SteadyClock:
    """Shows what the loop's clock shows, and counts on from there when that one is set back.

    The core holds moments: the next heartbeat, the next join, the last sign of life. An hour back,
    each of them would be an hour away. A loop's clock that goes back is another loop's, where the
    manager is started again, or a simulation's fault.
    """

    def __init__(self) -> None:
        self._shown_s = 0.0
        # How far the loop's clock is behind.
        self._behind_s = 0.0

    def read(self, loop_s: float) -> float:
        """The time; `loop_s` is what the loop's clock shows now."""
        self._behind_s = max(self._behind_s, self._shown_s - loop_s)
        self._shown_s = loop_s + self._behind_s
        return self._shown_s

    def loop_s(self, moment_s: float) -> float:
        """What the loop's clock will show at a moment of this one."""
        return moment_s - self._behind_s
