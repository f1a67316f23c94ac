"""When a user sends: deadlines fixed in advance, so that a slow answer never thins the load out."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random


def deadlines(first_s: float, period_s: float, rng: Random) -> Iterator[float]:
    """The times at which one user sends, for ever: one each period, from a random phase on.

    Latency is measured from these times and not from the sending itself: a user that was held up
    would otherwise leave out just the messages that would have been slow (coordinated omission).
    Without the random phase, users that start together send together, and the load is a pulse.
    Counted by multiplication, so that no rounding adds up over hours.
    """
    phase_s = rng.random() * period_s
    number = 0
    while True:
        yield first_s + phase_s + number * period_s
        number += 1
