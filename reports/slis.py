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
        "changes_lost": Indicator(
            "changes of tables that never came, and of which the client said nothing"
        ),
        "changes_told_missing": Indicator("changes that never came, as the client said"),
        "changes_duplicated": Indicator("changes of tables that came twice"),
        "feed_recovery_s": Indicator(
            "seconds from the last fault act until every feed of changes is live again"
        ),
        "false_claim_s": Indicator(
            "the longest time for which a client claimed to be joined, falsely"
        ),
        "handshakes": Indicator("connections that the server had to accept"),
        "handshakes_per_s_max": Indicator("attempts per second of the busiest client, over 10 s"),
        "spread_max_share": Indicator("share of the clients that came back in the same 100 ms"),
        "sends": Indicator("messages that the clients were asked to send", "neither"),
        "sends_unknown": Indicator("messages whose sender never learnt what became of them"),
        "users": Indicator("users of a load test that joined", "higher"),
        "sent": Indicator("messages that a load test sent", "neither"),
        "delivered": Indicator("messages of a load test that came back", "higher"),
        "unsent": Indicator("messages of a load test that could not be sent"),
        "disconnected": Indicator("connections of a load test that ended and were still wanted"),
        "rejected": Indicator("joins of a load test that the server turned down"),
        "connect_p50_s": Indicator("seconds until connected, the median"),
        "connect_p99_s": Indicator("seconds until connected, all but one in a hundred"),
        "join_p50_s": Indicator("seconds until joined, the median"),
        "join_p99_s": Indicator("seconds until joined, all but one in a hundred"),
        "reconnect_p50_s": Indicator("seconds until connected again, the median"),
        "reconnect_p99_s": Indicator("seconds until connected again, all but one in a hundred"),
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
