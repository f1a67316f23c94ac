"""Tests of what makes a healthy beginning."""

from __future__ import annotations

from harness.checkers.steady_state import steady_state
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def test_clients_that_joined_and_received_began_well() -> None:
    assert steady_state(perfect_run().history()).outcome is Outcome.VALID


def test_a_client_that_did_not_join_began_unhealthy() -> None:
    story = perfect_run().without(lambda op: op.process == "client-1" and op.f == "joined")
    verdict = steady_state(story.history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "client-1 did not join before the first fault" in verdict.reason


def test_a_client_that_received_nothing_began_unhealthy() -> None:
    story = perfect_run().without(
        lambda op: op.process == "client-1" and op.f == "received" and op.time_s < 10
    )
    verdict = steady_state(story.history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "client-1 received nothing before the first fault" in verdict.reason


def test_a_client_that_lost_messages_from_the_start_began_unhealthy() -> None:
    story = perfect_run().without(lambda op: op.f == "received" and 5 < op.time_s < 6)
    verdict = steady_state(story.history())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "lost messages before the first fault" in verdict.reason


def test_a_topic_on_which_nothing_was_published_asks_for_no_receipt() -> None:
    story = perfect_run().wants("client-0", 1.0, "hall").joined("client-0", 1.1, "hall")
    assert steady_state(story.history()).outcome is Outcome.VALID


def test_a_channel_that_is_wanted_during_the_faults_belongs_to_no_beginning() -> None:
    story = perfect_run().wants("client-0", 12.0, "hall")
    assert steady_state(story.history()).outcome is Outcome.VALID


def test_a_run_in_which_nobody_wanted_anything_shows_nothing() -> None:
    assert steady_state(Story().ends(10.0).history()).outcome is Outcome.UNKNOWN


def test_a_source_that_was_silent_until_the_fault_shows_no_health() -> None:
    story = perfect_run().without(
        lambda op: op.time_s < 10 and (op.process == "source" or op.f == "received")
    )
    assert steady_state(story.history()).outcome is Outcome.UNKNOWN
