"""How often one address may ask: a bucket that fills with time, for each kind and address."""

from __future__ import annotations

from collections.abc import Mapping

from fake_server.auth.errors import TOO_MANY, Refused, too_often
from fake_server.http import Request

_ADDRESSES_MAX = 10_000
"""How many buckets are kept; the one that was asked longest ago is forgotten, and full again."""
_BURST = 30
_FIVE_MINUTES_S, _HOUR_S = 300, 3600
_HOURLY = ("anonymous_users", "email_sent")


class Rates:
    """The buckets of a server, by the limits of its settings."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def spend(self, kind: str, request: Request, now_s: float) -> None:
        """One call of this kind. Raises `Refused` when its bucket is empty."""
        if not self._take(kind, _address(request), now_s):
            raise too_often()

    def spend_mail(self, now_s: float) -> None:
        """One mail to anybody. Raises `Refused` when there were too many."""
        if not self._take("email_sent", "", now_s):
            raise Refused(TOO_MANY, "over_email_send_rate_limit", "email rate limit exceeded")

    def _take(self, kind: str, address: str, now_s: float) -> bool:
        limit = self._limits.get(kind)
        if limit is None:
            return True
        capacity, span_s = (limit, _HOUR_S) if kind in _HOURLY else (_BURST, _FIVE_MINUTES_S)
        held, at_s = self._buckets.pop((kind, address), (float(capacity), now_s))
        held = min(capacity, held + (now_s - at_s) * limit / span_s)
        taken = held >= 1
        self._buckets[kind, address] = (held - taken, now_s)
        if len(self._buckets) > _ADDRESSES_MAX:
            del self._buckets[next(iter(self._buckets))]
        return taken


def _address(request: Request) -> str:
    """Who asks, as the gateway says it; without a gateway all are one."""
    return request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
