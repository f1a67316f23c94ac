"""Tests of claims to be joined, against what came through and what the server held."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.truth import truth
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def silent_from(silent_s: float, until_s: float = 100.0, end_s: float = 120.0) -> Story:
    """One client hears all but what is published in a certain time, and never says a word."""
    story = Story().wants("client-0").joined("client-0", 0.5).ends(end_s)
    for id in range(1, int(end_s)):
        story.source(float(id), id)
        if not silent_s <= id < until_s:
            story.received("client-0", id + 0.1, id)
    return story


def test_a_claim_through_long_silence_is_false() -> None:
    verdict = truth(silent_from(20.0).history())
    assert verdict.outcome is Outcome.INVALID
    assert verdict.reason == (
        "client-0 claimed to be joined to 'room' through 79 s of silence (from 20.0 s on); "
        "1 client in all, 37.5 s allowed"
    )


@pytest.mark.parametrize(("until_s", "outcome"), [(58.0, Outcome.VALID), (59.0, Outcome.INVALID)])
def test_a_client_has_time_to_find_out(until_s: float, outcome: Outcome) -> None:
    assert truth(silent_from(20.0, until_s).history()).outcome is outcome


@pytest.mark.parametrize(("late_s", "outcome"), [(4.9, Outcome.VALID), (5.1, Outcome.INVALID)])
def test_what_comes_soon_shows_no_silence_at_its_publication(
    late_s: float, outcome: Outcome
) -> None:
    story = Story().wants("client-0").joined("client-0", 0.5).source(10.0, 1).ends(100.0)
    story.source(40.0, 2).source(48.0, 3).received("client-0", 48.0 + late_s, 3)
    assert truth(story.history()).outcome is outcome


def test_a_client_that_says_lost_in_time_told_the_truth() -> None:
    verdict = truth(silent_from(20.0).lost("client-0", 50.0).history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["false_claim_s"].value == pytest.approx(29.0)


@pytest.mark.parametrize(("lost_s", "outcome"), [(9.0, Outcome.INVALID), (11.0, Outcome.VALID)])
def test_a_loss_that_is_told_during_a_call_is_newer_than_its_answer(
    lost_s: float, outcome: Outcome
) -> None:
    """The answer of a client that stood still comes when the loss is told already."""
    story = silent_from(10.0).without(lambda op: op.f == "joined").lost("client-0", lost_s)
    story.call(10.0, "client-0", "subscribe", "ok", took_s=2.0, topic="room")
    assert truth(story.joined("client-0", 0.5).history()).outcome is outcome


def test_a_channel_that_joins_again_during_a_call_is_claimed() -> None:
    story = silent_from(13.0).lost("client-0", 11.0).joined("client-0", 11.5)
    story.call(10.0, "client-0", "subscribe", "ok", took_s=2.0, topic="room")
    assert truth(story.history()).outcome is Outcome.INVALID


def test_silence_to_the_end_of_the_run_counts() -> None:
    assert truth(silent_from(60.0, until_s=1000.0).history()).outcome is Outcome.INVALID


def test_a_silent_source_proves_nothing() -> None:
    story = silent_from(20.0).without(lambda op: op.process == "source" and 20 < op.time_s < 100)
    assert truth(story.history()).outcome is Outcome.VALID


def test_slow_messages_are_no_silence() -> None:
    """From the 20th on each takes 30 s, but one comes every second: the channel works."""
    story = Story().wants("client-0").joined("client-0", 0.5).ends(200.0)
    for id in range(1, 140):
        story.source(float(id), id).received("client-0", id + (0.1 if id < 20 else 30.0), id)
    assert truth(story.history()).outcome is Outcome.VALID


def test_a_channel_that_is_no_longer_wanted_may_be_silent() -> None:
    story = silent_from(20.0).wants("client-0", 21.0, wanted=False)
    assert truth(story.history()).outcome is Outcome.VALID


def test_a_new_join_begins_a_new_claim() -> None:
    story = silent_from(20.0, until_s=80.0).lost("client-0", 50.0).joined("client-0", 51.0)
    assert truth(story.history()).outcome is Outcome.VALID


def test_a_channel_lost_for_good_must_be_said_even_if_nothing_is_published() -> None:
    """The server has let go of it; only the client's silence says otherwise (SIGNAL)."""
    story = Story().wants("client-0").handshake("client-0", 0.1).joins("client-0", 0.2)
    story.joined("client-0", 0.3).leaves("client-0", 20.0, by="disconnect").ends(100.0)
    verdict = truth(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "80 s of not being held by the server" in verdict.reason
    assert truth(story.closed("client-0", 50.0).history()).outcome is Outcome.VALID


def test_a_claim_on_a_channel_that_the_server_never_held_is_false() -> None:
    story = Story().wants("client-0").wants("client-1").joins("client-1", 0.2)
    story.joined("client-0", 0.3).ends(100.0)
    assert truth(story.history()).outcome is Outcome.INVALID


def test_a_client_that_moved_to_a_new_connection_is_held_there() -> None:
    story = Story().wants("client-0").joins("client-0", 0.2).joined("client-0", 0.3).ends(200.0)
    story.joins("client-0", 60.0, conn=2).leaves("client-0", 66.0, by="disconnect")
    assert truth(story.history()).outcome is Outcome.VALID


def test_a_perfect_client_tells_the_truth() -> None:
    assert truth(perfect_run().history()).outcome is Outcome.VALID


def test_who_claims_nothing_can_not_be_judged() -> None:
    story = silent_from(20.0).without(lambda op: op.f == "joined")
    assert truth(story.history()).outcome is Outcome.UNKNOWN


def stood_still(client: str = "client-0") -> Story:
    told = {"spoils": ["word"], "victims": [client]}
    return silent_from(20.0, until_s=80.0).fault("suspend", 20.0, 60.0, **told)


def test_who_stands_still_can_say_nothing() -> None:
    verdict = truth(stood_still().history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["false_claim_s"].value == pytest.approx(19.0)


def test_a_bystander_of_a_standstill_is_held_to_its_word() -> None:
    assert truth(stood_still("client-1").history()).outcome is Outcome.INVALID


def test_who_goes_on_is_held_to_its_word_again() -> None:
    told = {"spoils": ["word"]}
    story = silent_from(20.0, until_s=110.0).fault("suspend", 20.0, 60.0, **told)
    assert truth(story.history()).outcome is Outcome.INVALID


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"factor": 0.4}, Outcome.VALID),
        ({"factor": 0.9}, Outcome.INVALID),
        ({"factor": 4.0}, Outcome.INVALID),
        ({"factor": 0.4, "victims": ["client-1"]}, Outcome.INVALID),
    ],
)
def test_the_time_to_find_out_is_by_the_clock_of_the_client(
    told: dict[str, Any], outcome: Outcome
) -> None:
    story = silent_from(20.0, 70.0).fault("clock_drift", 10.0, 90.0, **told)
    assert truth(story.history()).outcome is outcome


def test_a_clock_that_is_set_back_gives_more_time_to_find_out() -> None:
    story = silent_from(20.0, 70.0).fault("clock_jump", 30.0, by_s=-20.0)
    assert truth(story.history()).outcome is Outcome.VALID
    later = silent_from(20.0, 70.0).fault("clock_jump", 80.0, by_s=-20.0)
    assert truth(later.history()).outcome is Outcome.INVALID
