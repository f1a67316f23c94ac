"""A clock that can be set wrong: it jumps, or runs too fast or too slow."""

from __future__ import annotations


class WrongClock:
    """Shows the true time until `jump` or `drift`; what it has gained or lost, it keeps."""

    def __init__(self) -> None:
        # The true and the shown time at which its rate was set last.
        self._true_s = self._shown_s = 0.0
        self._factor = 1.0

    def shows(self, true_s: float) -> float:
        """What it shows at a moment."""
        return self._shown_s + (true_s - self._true_s) * self._factor

    def moment_of(self, shown_s: float) -> float:
        """At which moment it shows that, if nobody touches it."""
        return self._true_s + (shown_s - self._shown_s) / self._factor

    def jump(self, by_s: float) -> None:
        """It shows so much more from now on; less, if that is negative."""
        self._shown_s += by_s

    def drift(self, factor: float, true_s: float) -> None:
        """From the moment `true_s` on it runs so many times as fast as a true one; 1 is right."""
        self._shown_s, self._true_s = self.shows(true_s), true_s
        self._factor = factor
