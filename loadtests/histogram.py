"""A histogram of seconds in buckets that grow by 2 %, small enough to send and to add up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

SMALLEST_S = 1e-5
"""Everything shorter falls into the first bucket."""
GROWTH = 1.02
"""How much longer each bucket reaches than the one before: a percentile is at most 2 % too high."""
BUCKETS_MAX = math.ceil(math.log(86_400 / SMALLEST_S, GROWTH))
"""The last bucket takes everything longer than a day; `max_s` stays exact."""


class Histogram:
    """Counts of durations by bucket, with the exact longest.

    Locust rounds what it shows to whole milliseconds and to two digits above 100 ms, so that
    numbers for a gate are kept here.
    """

    def __init__(self) -> None:
        self.count = 0
        self.max_s = 0.0
        self._buckets: Counter[int] = Counter()

    def record(self, value_s: float) -> None:
        """Count one duration. Raises `ValueError` for one that is negative or not a number."""
        if not value_s >= 0:
            raise ValueError(f"{value_s!r} is not a duration: seconds, 0 or more")
        self._buckets[_bucket(value_s)] += 1
        self.count += 1
        self.max_s = max(self.max_s, value_s)

    def add(self, other: Histogram) -> None:
        """Count everything that the other one counted."""
        self._buckets.update(other._buckets)
        self.count += other.count
        self.max_s = max(self.max_s, other.max_s)

    def percentile(self, share: float) -> float | None:
        """The duration that this share (0 to 1) of all stayed within; None if nothing was counted.

        It is the upper end of a bucket, so it flatters nobody, and never above the longest.
        """
        if not self.count:
            return None
        rank = max(1, math.ceil(share * self.count))
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return min(SMALLEST_S * GROWTH**bucket, self.max_s)
        raise AssertionError(f"{seen} counted in buckets, {self.count} in all")

    def to_json(self) -> dict[str, Any]:
        """JSON values that `from_json` reads."""
        buckets = [[bucket, self._buckets[bucket]] for bucket in sorted(self._buckets)]
        return {"max_s": self.max_s, "buckets": buckets}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Histogram:
        """Read what `to_json` wrote. Raises `KeyError`, `TypeError` or `ValueError`."""
        histogram = cls()
        histogram.max_s = float(fields["max_s"])
        histogram._buckets = Counter({int(bucket): int(n) for bucket, n in fields["buckets"]})
        histogram.count = histogram._buckets.total()
        return histogram


def _bucket(value_s: float) -> int:
    """The first bucket whose upper end, SMALLEST_S × GROWTH^bucket, is not below the value."""
    if value_s <= SMALLEST_S:
        return 0
    if math.isinf(value_s):
        return BUCKETS_MAX
    return min(math.ceil(math.log(value_s / SMALLEST_S, GROWTH)), BUCKETS_MAX)
