"""Tests of how often clients knock, and of how a herd of them comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checkers.storm import storm
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def herd(clients: int, come_back_s: list[float]) -> Story:
    """Clients that arrive, lose a server for ten seconds, and come back at the times given."""
    story = Story(clients=clients).fault("restart", 20.0, 30.0).ends(90.0)
    for number in range(clients):
        story.handshake(f"client-{number}", number * 0.02, conn=number)
    for number, at_s in enumerate(come_back_s):
        story.handshake(f"client-{number}", at_s, conn=1000 + number)
    return story


def spread(clients: int, from_s: float, to_s: float) -> list[float]:
    return [from_s + (to_s - from_s) * number / clients for number in range(clients)]


def test_a_fleet_that_was_started_at_one_instant_cannot_spread() -> None:
    """By the nemesis, as after `kill`; what comes of its next act is judged again."""
    story = herd(200, [30.1] * 200).fault("kill", 40.0, 45.0, spoils=["spread"]).ends(90.0)
    for number in range(200):
        story.handshake(f"client-{number}", 45.1, conn=2000 + number)
    verdict = storm(story.history())
    assert verdict.evidence["all at once"] == [
        "200 handshakes of 200 clients (100%) in the 100 ms from 30.1 s on, at most 20% allowed"
    ]


def test_a_perfect_client_knocks_seldom() -> None:
    verdict = storm(perfect_run().history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["handshakes"].value == 4
    assert verdict.slis["handshakes_per_s_max"].value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("attempts", "within_s", "outcome"),
    [
        (12, 1.0, Outcome.VALID),
        (13, 1.0, Outcome.INVALID),
        (13, 9.9, Outcome.INVALID),
        (60, 60.0, Outcome.VALID),
    ],
)
def test_a_client_may_knock_once_a_second_and_twice_more(
    attempts: int, within_s: float, outcome: Outcome
) -> None:
    story = Story()
    for number in range(attempts):
        story.handshake("client-0", 5.0 + number * within_s / (attempts - 1), conn=number)
    assert storm(story.history()).outcome is outcome


def test_refused_upgrades_are_attempts() -> None:
    story = Story()
    for number in range(100):
        story.server(number * 0.1, "refused", status=503, client="client-0")
    verdict = storm(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "client-0 made 100 attempts within 10 s" in verdict.reason


def test_the_haste_of_one_client_is_not_hidden_by_the_calm_of_others() -> None:
    story = perfect_run(clients=20)
    for number in range(30):
        story.handshake("client-7", 25.0 + number * 0.01, conn=500 + number)
    assert storm(story.history()).outcome is Outcome.INVALID


@pytest.mark.parametrize(
    ("clients", "dials", "outcome"),
    [(1, 12, Outcome.VALID), (1, 13, Outcome.INVALID), (10, 120, Outcome.VALID)],
)
def test_connects_that_no_server_sees_count_against_the_fleet(
    clients: int, dials: int, outcome: Outcome
) -> None:
    """An instant refusal makes a busy loop that only the network notices."""
    story = perfect_run(clients=clients)
    for number in range(dials):
        story.dial(12.0 + number * 0.05, "refused")
    assert storm(story.history()).outcome is outcome


def test_a_herd_that_spreads_out_is_welcome() -> None:
    verdict = storm(herd(200, spread(200, 30.5, 45.0)).history())
    assert verdict.outcome is Outcome.VALID
    share = verdict.slis["spread_max_share"].value
    assert share is not None
    assert share <= 0.02


@pytest.mark.parametrize("at_s", [30.5, 35.0])
def test_a_herd_that_comes_back_all_at_once_is_not(at_s: float) -> None:
    verdict = storm(herd(200, [at_s + 0.01] * 200).history())
    assert verdict.outcome is Outcome.INVALID
    assert f"200 handshakes of 200 clients (100%) in the 100 ms from {at_s:.1f} s" in verdict.reason


@pytest.mark.parametrize(
    ("crowd", "at_s", "outcome"),
    [
        (8, 31.05, Outcome.VALID),
        (9, 31.05, Outcome.INVALID),
        (9, 40.05, Outcome.INVALID),
        (20, 30.05, Outcome.VALID),
        (20, 30.95, Outcome.VALID),
        (21, 30.05, Outcome.INVALID),
    ],
)
def test_the_first_wave_may_be_denser_than_what_follows(
    crowd: int, at_s: float, outcome: Outcome
) -> None:
    others = spread(100 - crowd, 41.0, 61.0)
    assert storm(herd(100, [at_s] * crowd + others).history()).outcome is outcome


def test_few_clients_are_no_herd() -> None:
    verdict = storm(herd(49, [35.0] * 49).history())
    assert verdict.outcome is Outcome.VALID
    assert "spread_max_share" not in verdict.slis
    assert "not judged with fewer than 50" in verdict.reason


def test_the_first_arrival_of_a_herd_is_the_harness_own() -> None:
    """The runner lets the clients in; how densely says nothing of them."""
    story = Story(clients=100).fault("rst", 20.0)
    for number in range(100):
        story.handshake(f"client-{number}", 1.0, conn=number)
    assert storm(story.history()).outcome is Outcome.VALID


def test_without_the_servers_record_nothing_is_judged() -> None:
    assert storm(Story().joined("client-0", 1.0).history()).outcome is Outcome.NOT_APPLICABLE


@given(st.lists(st.floats(31.0, 90.0), min_size=60, max_size=120))
def test_a_herd_is_judged_by_its_fullest_tenth_of_a_second(times_s: list[float]) -> None:
    """Against a count that is slower and simpler."""
    verdict = storm(herd(len(times_s), times_s).history())
    buckets = [int((time_s - 30.0) * 10) for time_s in times_s]
    fullest = max(buckets.count(bucket) for bucket in buckets)
    crowded = fullest / len(times_s) > 0.08
    assert verdict.outcome is (Outcome.INVALID if crowded else Outcome.VALID)
