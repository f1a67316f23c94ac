"""Tests of what clients may say of their own broadcasts."""

from __future__ import annotations

import pytest

from harness.checkers.acknowledgement import acknowledgement
from harness.history import Type
from harness.verdict import Outcome
from tests.checkers.story import Story


def sent(answer: Type | None, times_arrived: int) -> Story:
    """One broadcast that went well, and broadcast 7."""
    story = Story().call(2.0, "client-0", "broadcast", "ok", 0.1, topic="room", id=6)
    story.frame("client-0", 2.05, "broadcast", id=6)
    story.call(5.0, "client-0", "broadcast", answer, 0.1, topic="room", id=7)
    for number in range(times_arrived):
        story.frame("client-0", 5.05 + number, "broadcast", id=7)
    return story


@pytest.mark.parametrize(
    ("answer", "times_arrived", "outcome"),
    [
        ("ok", 1, Outcome.VALID),
        ("ok", 0, Outcome.INVALID),
        ("fail", 0, Outcome.VALID),
        ("fail", 1, Outcome.INVALID),
        ("info", 0, Outcome.VALID),
        ("info", 1, Outcome.VALID),
        (None, 0, Outcome.VALID),
        (None, 1, Outcome.VALID),
        ("ok", 2, Outcome.INVALID),
        ("info", 2, Outcome.INVALID),
    ],
)
def test_an_answer_is_held_against_what_reached_the_server(
    answer: Type | None, times_arrived: int, outcome: Outcome
) -> None:
    assert acknowledgement(sent(answer, times_arrived).history()).outcome is outcome


def test_a_lying_acknowledgement_is_named() -> None:
    verdict = acknowledgement(sent("ok", 0).history())
    assert verdict.reason == (
        "1 broadcast reported sent, but never reached the server "
        "(first: broadcast 7 of client-0 on 'room')"
    )


def test_broadcasts_of_unknown_fate_are_counted() -> None:
    assert acknowledgement(sent("info", 0).history()).slis["sends_unknown"].value == 1
    assert acknowledgement(sent(None, 0).history()).slis["sends_unknown"].value == 1


def test_the_same_number_on_another_topic_or_of_another_client_is_another_broadcast() -> None:
    story = sent("ok", 0)
    story.frame("client-0", 5.05, "broadcast", topic="hall", id=7)
    story.frame("client-1", 5.05, "broadcast", id=7)
    assert acknowledgement(story.history()).outcome is Outcome.INVALID


def test_clients_that_only_listen_are_not_judged() -> None:
    story = Story().source(1.0, 1).frame("client-0", 1.0, "heartbeat", topic="phoenix")
    assert acknowledgement(story.history()).outcome is Outcome.NOT_APPLICABLE


def test_without_the_servers_record_no_answer_can_be_judged() -> None:
    story = Story().call(5.0, "client-0", "broadcast", "ok", topic="room", id=7)
    assert acknowledgement(story.history()).outcome is Outcome.NOT_APPLICABLE


def test_a_client_that_leaves_everything_open_has_shown_nothing() -> None:
    """Otherwise a client, or its adapter, that never answers would be the most truthful of all."""
    story = Story().call(5.0, "client-0", "broadcast", "info", topic="room", id=7)
    story.frame("client-0", 5.1, "broadcast", id=7)
    assert acknowledgement(story.history()).outcome is Outcome.UNKNOWN
