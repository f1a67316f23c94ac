"""Tests of the signs by which a fault shows, and of faults that show none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.checkers.fault_felt import fault_felt
from harness.history import Header, Type
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run

ANY = Header(scenario="drawn", client="hand", world="sim", seed=1, faults_felt="any")


def unharmed(heal_s: float | None = 20.0) -> Story:
    """A fault from 10 s on that does nothing; the clients go on for 100 s."""
    return perfect_run(fault_s=None, end_s=100.0).fault("refuse", 10.0, heal_s)


def test_a_fault_that_nobody_noticed_has_tested_nothing() -> None:
    verdict = fault_felt(unharmed().history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.reason == "no client felt refuse at 10.0 s, so the run shows nothing of it"


def test_an_outage_that_interrupts_is_felt() -> None:
    assert fault_felt(perfect_run().history()).outcome is Outcome.VALID


@pytest.mark.parametrize(
    "story",
    [
        unharmed().disconnect("client-0", 12.0),
        unharmed().lost("client-0", 12.0),
        unharmed().dial(12.0, "refused"),
        unharmed().dial(12.0, "lost"),
        unharmed().server(12.0, "refused", status=503, client="client-0"),
        unharmed().without(lambda op: op.f == "received" and 12 < op.time_s < 12.1),
        unharmed().joins("client-0", 12.0, conn=9).joined("client-0", 13.5),
        unharmed().joins("client-0", 12.0, conn=9),
        unharmed()
        .source(12.0, 500)
        .received("client-0", 12.3, 500)
        .received("client-1", 12.0, 500),
    ],
    ids=[
        "connection ended",
        "channel lost",
        "connect refused",
        "connect lost",
        "upgrade refused",
        "message lost",
        "join slow",
        "join never answered",
        "message late",
    ],
)
def test_any_sign_of_trouble_will_do(story: Story) -> None:
    assert fault_felt(story.history()).outcome is Outcome.VALID


@pytest.mark.parametrize(
    "story",
    [
        unharmed().dial(12.0, "accepted"),
        unharmed().joins("client-0", 12.0, conn=9).joined("client-0", 12.5),
        unharmed()
        .source(12.0, 500)
        .received("client-0", 12.05, 500)
        .received("client-1", 12.05, 500),
        unharmed().source(12.0, 500, topic="hall"),
    ],
    ids=["connect accepted", "join at once", "message in time", "message that nobody wanted"],
)
def test_what_happens_without_faults_is_no_sign(story: Story) -> None:
    story.received("client-0", 12.01, 500).received("client-1", 12.01, 500)
    assert fault_felt(story.history()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("heal_s", "sign_s", "outcome"),
    [
        (20.0, 9.0, Outcome.UNKNOWN),
        (20.0, 10.0, Outcome.VALID),
        (20.0, 30.0, Outcome.VALID),
        (20.0, 31.0, Outcome.UNKNOWN),
        (None, 70.0, Outcome.VALID),
        (None, 71.0, Outcome.UNKNOWN),
    ],
)
def test_a_sign_counts_in_the_time_of_its_fault_only(
    heal_s: float | None, sign_s: float, outcome: Outcome
) -> None:
    story = unharmed(heal_s).lost("client-0", sign_s)
    assert fault_felt(story.history()).outcome is outcome


def test_every_fault_must_be_felt() -> None:
    story = unharmed().lost("client-0", 12.0).fault("late_joins", 60.0, 65.0)
    verdict = fault_felt(story.history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "late_joins at 60.0 s" in verdict.reason


def test_a_run_without_faults_has_none_to_feel() -> None:
    assert fault_felt(perfect_run(fault_s=None).history()).outcome is Outcome.NOT_APPLICABLE


def test_of_a_drawn_schedule_one_felt_fault_is_enough() -> None:
    story = unharmed().fault("rst", 60.0, None).disconnect("client-0", 60.0)
    assert fault_felt(story.history()).outcome is Outcome.UNKNOWN
    verdict = fault_felt(replace(story.history(), header=ANY))
    assert (verdict.outcome, verdict.reason) == (Outcome.VALID, "1 fault felt, 1 not")


def test_of_a_drawn_schedule_none_that_was_felt_shows_nothing() -> None:
    verdict = fault_felt(replace(unharmed().history(), header=ANY))
    assert verdict.outcome is Outcome.UNKNOWN


def with_signs(*felt_by: str, **told: int) -> Story:
    """A fault that says by which signs it shows; the clients go on for 100 s."""
    story = perfect_run(fault_s=None, end_s=100.0)
    return story.fault("drop", 10.0, 20.0, felt_by=list(felt_by), **told)


def test_a_fault_is_felt_by_its_own_signs_only() -> None:
    story = with_signs("dial", "missed").disconnect("client-0", 12.0)
    assert fault_felt(story.history()).outcome is Outcome.UNKNOWN
    story = with_signs("dial", "disconnect").disconnect("client-0", 12.0)
    assert fault_felt(story.history()).outcome is Outcome.VALID


@pytest.mark.parametrize(
    "trouble",
    [
        lambda story: story.disconnect("client-1", 12.0),
        lambda story: story.lost("client-1", 12.0),
        lambda story: story.server(12.0, "refused", status=503, client="client-1"),
        lambda story: story.without(
            lambda op: (op.process, op.f) == ("client-1", "received") and 12 < op.time_s < 12.1
        ),
        lambda story: story.joins("client-1", 12.0, conn=9),
        lambda story: (
            story.source(12.0, 500).received("client-0", 12.0, 500).received("client-1", 12.3, 500)
        ),
        lambda story: story.call(12.0, "client-1", "leave", "fail", topic="aside"),
        lambda story: story.call(12.0, "client-1", "leave", None, topic="aside"),
    ],
    ids=["ended", "lost", "refused", "missed", "slow join", "late", "failed call", "open call"],
)
def test_what_happens_to_a_client_that_was_not_struck_is_no_sign(
    trouble: Callable[[Story], Story],
) -> None:
    for victims, outcome in ((["client-0"], Outcome.UNKNOWN), (["client-1"], Outcome.VALID)):
        story = perfect_run(fault_s=None, end_s=100.0)
        story.fault("slow", 10.0, 20.0, victims=victims)
        assert fault_felt(trouble(story).history()).outcome is outcome


def test_a_connect_that_names_no_client_may_be_anybodys() -> None:
    story = perfect_run(fault_s=None, end_s=100.0)
    story.fault("refuse", 10.0, 20.0, victims=["client-0"]).dial(12.0, "refused")
    assert fault_felt(story.history()).outcome is Outcome.VALID


def test_what_the_server_struck_is_a_sign_where_the_fault_says_so() -> None:
    assert fault_felt(with_signs("hits", hits=3).history()).outcome is Outcome.VALID
    assert fault_felt(with_signs("dial", hits=3).history()).outcome is Outcome.UNKNOWN
    assert fault_felt(with_signs("hits").history()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "took_s", "outcome"),
    [
        ("ok", 0.5, Outcome.UNKNOWN),
        ("ok", 2.0, Outcome.VALID),
        ("fail", 0.1, Outcome.VALID),
        (None, 0.0, Outcome.VALID),
    ],
)
def test_a_call_that_fails_or_takes_long_is_a_sign(
    answer: Type | None, took_s: float, outcome: Outcome
) -> None:
    story = with_signs("slow_call")
    story.call(12.0, "client-0", "broadcast", answer, took_s, topic="room", id=99)
    assert fault_felt(story.history()).outcome is outcome
