"""How long to wait before the next dial, and before the next join: two replaceable laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Protocol

from harness.manager.failures import Cause, Failure


def rung(ladder_s: Sequence[float], index: int) -> float:
    """The ladder's step at `index`; the last one for ever after."""
    return ladder_s[min(index, len(ladder_s) - 1)]


class ReconnectPolicy(Protocol):
    """When to dial again. It is asked for ever: there is no answer that means "give up"."""

    def delay_s(self, failures: int, failure: Failure, rng: Random) -> float:
        """Seconds until the next dial.

        `failures` counts those before this one since a link was last proven good.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectLadder:
    """The law of `failures.md §D3` note 1: quick for one client, gentle for a fleet, for ever."""

    first_s: float = 1.0
    """The first retry after an unexpected drop comes within this window."""
    drain_s: float = 20.0
    """After the server asked its clients away, they come back spread over this window."""
    ladder_s: Sequence[float] = (2.0, 2.0, 4.0, 8.0, 16.0, 30.0)
    """Upper ends of the later delays; the delay is drawn between half of it and all of it."""
    refusals_max: int = 2
    """Quick retries after HTTP 401 or 403; from then on only the ladder's last step."""
    retry_after_max_s: float = 3600.0
    """A Retry-After beyond this is cut to it, so that no typing error silences a client."""

    def delay_s(self, failures: int, failure: Failure, rng: Random) -> float:
        """Seconds until the next dial, never less than the server asked for."""
        asked_s = min(failure.retry_after_s or 0.0, self.retry_after_max_s)
        # Added, not the larger of the two: a fleet was told the same number at the same moment.
        return asked_s + self._drawn_s(failures, failure.cause, rng)

    def _drawn_s(self, failures: int, cause: Cause, rng: Random) -> float:
        spread_s = rng.uniform(0.0, self.drain_s) if cause is Cause.DRAIN else 0.0
        if cause is Cause.UNAUTHORIZED and failures >= self.refusals_max:
            return self.jittered_s(self.ladder_s[-1], rng)
        if failures == 0:
            return spread_s or rng.uniform(0.0, self.first_s)
        return max(spread_s, self.jittered_s(rung(self.ladder_s, failures - 1), rng))

    def jittered_s(self, ceiling_s: float, rng: Random) -> float:
        """A draw from the upper half of a step."""
        return rng.uniform(ceiling_s / 2, ceiling_s)


class Refusal(Enum):
    """Why a channel is not joined, as far as the waiting differs."""

    TRANSIENT = "transient"
    RATE_LIMITED = "rate limited"
    UNAUTHORIZED = "unauthorized"


# The server has no machine-readable code: these are parts of its own texts
# (`protocol.md §2.6`, `§2.7`).
_REFUSALS: Sequence[tuple[str, Refusal]] = (
    ("RateLimitReached", Refusal.RATE_LIMITED),
    ("Too many", Refusal.RATE_LIMITED),
    ("rate limit exceeded", Refusal.RATE_LIMITED),
    ("Unauthorized", Refusal.UNAUTHORIZED),
    ("permission", Refusal.UNAUTHORIZED),
    ("JWT", Refusal.UNAUTHORIZED),
    ("JwtSign", Refusal.UNAUTHORIZED),
    ("Token has expired", Refusal.UNAUTHORIZED),
    ("signature_error", Refusal.UNAUTHORIZED),
    ("PrivateOnly", Refusal.UNAUTHORIZED),
)


def refusal_of(reason: str) -> Refusal:
    """Which kind of refusal the server's text means."""
    return next((kind for text, kind in _REFUSALS if text in reason), Refusal.TRANSIENT)


class RejoinPolicy(Protocol):
    """When to join again on a link that stands."""

    def delay_s(self, failures: int, reason: str, rng: Random) -> float:
        """Seconds until the next join; `failures` counts those before this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejoinLadder:
    """1, 2, 5, 10 s as the official clients do (`protocol.md §10.1`), with jitter, for ever."""

    ladder_s: Sequence[float] = (1.0, 2.0, 5.0, 10.0)
    limited_s: float = 30.0
    """The step after a rate limit, and for a channel that is refused again and again."""
    refusals_max: int = 2
    """Quick retries where the token does not suffice."""

    def delay_s(self, failures: int, reason: str, rng: Random) -> float:
        """Seconds until the next join, from the upper half of a step."""
        ceiling_s = self._ceiling_s(failures, refusal_of(reason))
        return rng.uniform(ceiling_s / 2, ceiling_s)

    def _ceiling_s(self, failures: int, refusal: Refusal) -> float:
        exhausted = refusal is Refusal.UNAUTHORIZED and failures >= self.refusals_max
        if refusal is Refusal.RATE_LIMITED or exhausted:
            return self.limited_s
        return rung(self.ladder_s, failures)
