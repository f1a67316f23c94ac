"""The draws of one toxic on one stream, fixed by a key; most toxics never make one."""

from __future__ import annotations

from random import Random


class Draws:
    """A generator that is made when the first draw is: making one is slow."""

    __slots__ = ("_key", "_rng")

    def __init__(self, key: str) -> None:
        self._key = key
        self._rng: Random | None = None

    def between(self, low: int, high: int) -> int:
        """A whole number, uniform over `[low, high)`."""
        if self._rng is None:
            self._rng = Random(self._key)
        return self._rng.randrange(low, high)
