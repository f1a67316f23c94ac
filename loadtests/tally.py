"""What a load test counts: events by name and durations by name, in a form that adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from loadtests.histogram import Histogram

COUNTS = {
    "started": "users that began to connect",
    "joined": "users that joined their channel at least once",
    "sent": "messages that were due and were handed to the client",
    "delivered": "messages that came back to the user that sent them",
    "duplicated": "messages that came back once more",
    "reordered": "messages that came back after a later one",
    "lost": "messages that the client had written or acknowledged and that never came back",
    "unsent": "messages that the client itself gave up, and said so",
    "disconnected": "connections that ended though the user still wanted them",
    "undialled": "attempts to connect that led to no connection",
    "rejected": "joins that were refused or not answered in time",
    "crashed": "users that ended by an error of the load test itself",
    "settled": "processes that waited for what was under way and reported to the end",
}
DURATIONS = {
    "connect": "from the start of a user to its first connection",
    "join": "from a connection to its channel being joined",
    "delivery": "from when a message was due to its coming back",
    "reconnect": "from a connection's end to the channel being joined again",
}


REASONS_MAX = 100
"""Different reasons that are kept apart; the rest is counted as `other`."""


class Tally:
    """Counts and histograms of one process, or of several together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.durations = {name: Histogram() for name in DURATIONS}
        self.reasons: Counter[str] = Counter()
        """Why messages were not delivered, users not joined, connections lost: by short key."""

    def count(self, name: str, reason: str = "") -> None:
        """Count one event; `reason` is a short key without ids, so that keys stay few."""
        assert name in COUNTS, name
        self.counts[name] += 1
        if reason:
            self._because({f"{name}: {reason}": 1})

    def time(self, name: str, value_s: float) -> None:
        """Count one duration, in seconds."""
        self.durations[name].record(value_s)

    def add(self, other: Tally) -> None:
        """Count everything that the other one counted."""
        self.counts.update(other.counts)
        self._because(other.reasons)
        for name, histogram in other.durations.items():
            self.durations[name].add(histogram)

    def _because(self, reasons: Mapping[str, int]) -> None:
        for key, times in reasons.items():
            room = key in self.reasons or len(self.reasons) < REASONS_MAX
            self.reasons[key if room else "other"] += times

    def to_json(self) -> dict[str, Any]:
        """JSON values that `from_json` reads; every count is there, zeros too."""
        return {
            "counts": {name: self.counts[name] for name in COUNTS},
            "reasons": dict(sorted(self.reasons.items())),
            "durations": {name: one.to_json() for name, one in self.durations.items()},
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Tally:
        """Read what `to_json` wrote. Raises `KeyError`, `TypeError` or `ValueError`."""
        tally = cls()
        tally.counts.update({name: int(fields["counts"][name]) for name in COUNTS})
        tally.reasons.update({str(key): int(n) for key, n in fields["reasons"].items()})
        tally.durations = {
            name: Histogram.from_json(fields["durations"][name]) for name in DURATIONS
        }
        return tally


def together(tallies: Iterable[Tally]) -> Tally:
    """The sum of several."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total
