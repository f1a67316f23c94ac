"""The numbers that the shipped checkers measure: what each means and which way is better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """What a service level indicator (SLI) stands for."""

    meaning: str
    better: Better = "lower"


INDICATORS: Mapping[str, Indicator] = MappingProxyType(
    {
        "recovery_s": Indicator("seconds from the last fault act until every channel works again"),
        "lost": Indicator("messages that were published and never arrived"),
        "lost_after_recovery": Indicator("messages lost although the client had recovered"),
        "duplicated": Indicator("messages that arrived twice"),
        "reordered": Indicator("messages that arrived after a later one"),
        "delivery_p50_s": Indicator("seconds on the way, the median message"),
        "delivery_p99_s": Indicator("seconds on the way, all but one message in a hundred"),
        "handshakes": Indicator("connections that the server had to accept"),
        "handshakes_per_s_max": Indicator("connections in the worst second"),
        "spread_max_share": Indicator("share of the clients that came back in the same moment"),
        "joins": Indicator("joins that the server had to answer"),
        "sends": Indicator("messages that the client was asked to send", "neither"),
        "sends_unknown": Indicator("messages whose sender never learnt what became of them"),
    }
)
"""By name. A number that a scenario's own checker measures need not be here: it counts as better
when it is lower."""


def better(name: str) -> Better:
    """Which way a number is better."""
    return INDICATORS[name].better if name in INDICATORS else "lower"


def worst_value(name: str, values: Iterable[float | None]) -> float | None:
    """The worst of several measurements; one that never came to be is worse than any number."""
    numbers: list[float] = []
    for value in values:
        if value is None or not math.isfinite(value):
            return None
        numbers.append(value)
    pick = min if better(name) == "higher" else max
    return pick(numbers, default=None)


def shown(value: float | None) -> str:
    """A number with as many digits as a person can use; `none` for one that never came to be."""
    if value is None:
        return "none"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
