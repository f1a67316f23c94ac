"""The two laws of waiting: their bounds for one client, and what they do to a fleet."""

from __future__ import annotations

import statistics
from collections import Counter
from random import Random

import pytest

from harness.manager import (
    Cause,
    Failure,
    ReconnectLadder,
    ReconnectPolicy,
    Refusal,
    RejoinLadder,
)
from harness.manager.backoff import refusal_of
from tests.golden_frames import frames

DROP, DRAIN = Failure("x"), Failure("x", Cause.DRAIN)


def fullest_share(moments_s: list[float]) -> float:
    """The share of all that falls into the fullest 100 ms."""
    buckets = Counter(int(moment_s * 10) for moment_s in moments_s)
    return max(buckets.values()) / len(moments_s)


def first_dial_after(outage_s: float, rng: Random, law: ReconnectPolicy) -> float:
    """When one client gets through whose link broke at 0 and whose server is back at `outage_s`."""
    now_s, failures = 0.0, 0
    while True:
        now_s += law.delay_s(failures, DROP, rng)
        if now_s >= outage_s:
            return now_s
        failures += 1


@pytest.mark.parametrize(
    ("failures", "low_s", "high_s"),
    [(0, 0.0, 1.0), (1, 1.0, 2.0), (2, 1.0, 2.0), (3, 2.0, 4.0), (5, 8.0, 16.0), (6, 15.0, 30.0)],
)
def test_each_delay_is_on_its_step(failures: int, low_s: float, high_s: float) -> None:
    rng, law = Random(1), ReconnectLadder()
    drawn_s = [law.delay_s(failures, DROP, rng) for _ in range(500)]
    assert low_s <= min(drawn_s) <= low_s + 0.1 * (high_s - low_s)
    assert high_s >= max(drawn_s) >= high_s - 0.1 * (high_s - low_s)


def test_the_ladder_has_no_end() -> None:
    assert 15.0 <= ReconnectLadder().delay_s(10**9, DROP, Random(1)) <= 30.0


def test_a_fleet_comes_back_spread_out_after_an_outage() -> None:
    """200 clients, 10 s (`failures.md §D3` G6): no 100 ms meet more than a twentieth of them."""
    shares = []
    for seed in range(100):
        rng, law = Random(seed), ReconnectLadder()
        shares.append(fullest_share([first_dial_after(10.0, rng, law) for _ in range(200)]))
    assert statistics.median(shares) <= 0.05
    assert sorted(shares)[98] <= 0.08


def test_a_fleet_comes_back_more_slowly_where_it_was_asked_away() -> None:
    for seed in range(20):
        rng, law = Random(seed), ReconnectLadder()
        assert fullest_share([law.delay_s(0, DRAIN, rng) for _ in range(200)]) <= 0.05


def test_one_client_is_back_soon_after_a_short_outage() -> None:
    """A 2 s outage (G19): half are back within a second of the heal, nearly all within three."""
    rng, law = Random(1), ReconnectLadder()
    late_s = sorted(first_dial_after(2.0, rng, law) - 2.0 for _ in range(2000))
    assert late_s[1000] <= 1.0
    assert late_s[1980] <= 3.0


def test_a_drain_never_shortens_a_wait() -> None:
    """A server that asks away each time it is reached is an overloaded one."""
    law = ReconnectLadder()
    assert all(law.delay_s(6, DRAIN, Random(seed)) >= 15.0 for seed in range(200))


def test_retry_after_is_a_lower_bound_and_itself_bounded() -> None:
    law = ReconnectLadder()
    asked = Failure("x", Cause.DRAIN, retry_after_s=30.0)
    waits_s = [law.delay_s(0, asked, Random(seed)) for seed in range(100)]
    assert min(waits_s) >= 30.0
    assert max(waits_s) - min(waits_s) > 10.0, "all were told the same number: spread them"
    forever = Failure("x", retry_after_s=1e12)
    assert law.delay_s(0, forever, Random(1)) <= law.retry_after_max_s + 1.0


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("ClientJoinRateLimitReached: Too many joins per second", Refusal.RATE_LIMITED),
        ("Too many messages per second", Refusal.RATE_LIMITED),
        ("Client presence rate limit exceeded", Refusal.RATE_LIMITED),
        ("Token has expired 0 seconds ago", Refusal.UNAUTHORIZED),
        ("InvalidJWTToken: Fields `role` and `exp` are required in JWT", Refusal.UNAUTHORIZED),
        ("You do not have permissions to read from this Channel topic: x", Refusal.UNAUTHORIZED),
        ("UnableToConnectToProject: Realtime was unable to connect", Refusal.TRANSIENT),
        ("", Refusal.TRANSIENT),
    ],
)
def test_the_servers_texts_are_understood(reason: str, kind: Refusal) -> None:
    assert refusal_of(reason) is kind


def test_the_recorded_refusals_of_tokens_are_understood() -> None:
    texts = [str(f.data) for f in frames() if f.case == "join_bad_tokens.v2" and f.dir == "server"]
    errors = [text for text in texts if '"error"' in text]
    assert errors
    assert {refusal_of(text) for text in errors} == {Refusal.UNAUTHORIZED}


def test_rejoins_climb_their_ladder_and_stay_on_it() -> None:
    rng, law = Random(1), RejoinLadder()
    for failures, ceiling_s in [(0, 1.0), (1, 2.0), (2, 5.0), (3, 10.0), (10**6, 10.0)]:
        assert ceiling_s / 2 <= law.delay_s(failures, "x", rng) <= ceiling_s


def test_a_channel_without_permission_is_tried_slowly_after_two_quick_attempts() -> None:
    rng, law = Random(1), RejoinLadder()
    waits_s = [law.delay_s(failures, "Unauthorized: …", rng) for failures in range(4)]
    assert max(waits_s[:2]) <= 2.0
    assert min(waits_s[2:]) >= 15.0
