"""How many bytes each proxy has received and sent, by direction; counted while they flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from harness.toxiproxy.toxic_record import StreamName

SERIES_MAX = 10_000
"""Every address that a proxy ever had is a series of its own; beyond this the oldest is dropped."""


class Route(NamedTuple):
    """What bytes are counted by: the labels of the original, in their order."""

    direction: StreamName
    listener: str
    proxy: str
    upstream: str


@dataclass(slots=True)
class Traffic:
    """Bytes of one route, over all its connections, live ones among them."""

    received_bytes: int = 0
    """Read from the side that sends."""
    sent_bytes: int = 0
    """Passed on to the side that reads, after the toxics."""


class Ledger:
    """The traffic of all routes of a server; it outlives the proxies, as a counter must."""

    def __init__(self) -> None:
        self._traffic: dict[Route, Traffic] = {}

    def traffic(self, route: Route) -> Traffic:
        """The counters of a route, new ones if it has none."""
        if route not in self._traffic:
            if len(self._traffic) >= SERIES_MAX:
                del self._traffic[next(iter(self._traffic))]
            self._traffic[route] = Traffic()
        return self._traffic[route]

    def __iter__(self) -> Iterator[tuple[Route, Traffic]]:
        """Routes with their traffic, by the labels."""
        return iter(sorted(self._traffic.items(), key=lambda item: item[0]))
