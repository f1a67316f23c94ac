"""One way through the network: how fast and how reliable it is, and whether it is cut."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import inf, isnan
from random import Random

DELAY_S_MIN = 1e-6
"""Nothing arrives in the instant that it was sent."""

RTO_S_MAX = 120.0
"""A retransmission's wait doubles up to this, as Linux' TCP_RTO_MAX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The conditions of one way. Raises `ValueError` for a value that makes no sense."""

    latency_s: float = 0.02
    """Mean time from end to end, in seconds."""
    jitter_s: float = 0.005
    """Each packet takes up to this much less or more; packets of one stream stay in order."""
    loss: float = 0.0
    """How likely a packet is lost: it comes later by a retransmission's wait, or several."""
    rto_s: float = 0.2
    """The wait before the first retransmission; it doubles with each."""
    bandwidth_bytes_per_s: float = inf
    """What each connection may carry; connections do not share it."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not isinstance(value, int | float) or isnan(value) or value < 0:
                raise ValueError(f"Link: {one.name} is {value!r}; say a number from 0 up")
        if self.loss >= 1:
            raise ValueError(
                f"Link: loss is {self.loss!r}; say less than 1, or cut the network to lose all"
            )
        if not self.bandwidth_bytes_per_s:
            raise ValueError("Link: bandwidth_bytes_per_s is 0; cut the network to carry nothing")

    def delay_s(self, rng: Random) -> float:
        """How long one packet takes, in seconds."""
        delay_s = self.latency_s
        if self.jitter_s:
            delay_s += rng.uniform(-self.jitter_s, self.jitter_s)
        if self.loss:
            rto_s = self.rto_s
            while rng.random() < self.loss:
                delay_s += rto_s
                rto_s = min(2 * rto_s, RTO_S_MAX)
        return max(DELAY_S_MIN, delay_s)


@dataclass(slots=True)
class Way:
    """From the clients to the server, or back; its link and its cut may change at any time."""

    rng: Random
    link: Link = field(default_factory=Link)
    cut: bool = False

    def delay_s(self) -> float:
        """How long the next packet takes, in seconds."""
        return self.link.delay_s(self.rng)
