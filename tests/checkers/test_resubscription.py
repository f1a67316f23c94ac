"""Tests of what the server must hold at the end, and what the clients must believe."""

from __future__ import annotations

from harness.checkers.resubscription import resubscription
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def one_client() -> Story:
    """Joined on connection 1, and the run is over at 100 s."""
    story = Story().wants("client-0").handshake("client-0", 0.1).joins("client-0", 0.2)
    return story.joined("client-0", 0.3).ends(100.0)


def test_each_wanted_channel_is_held_once() -> None:
    assert resubscription(perfect_run().history()).outcome is Outcome.VALID


def test_a_channel_that_was_not_joined_again_is_missing() -> None:
    verdict = resubscription(one_client().members(99.0, []).history())
    assert verdict.outcome is Outcome.INVALID
    assert "client-0 on 'room': its client says joined" in verdict.reason


def test_a_client_that_knows_its_channel_is_lost_has_still_not_joined_again() -> None:
    verdict = resubscription(one_client().lost("client-0", 50.0).members(99.0, []).history())
    assert verdict.outcome is Outcome.INVALID
    assert "nor does its client say so" in verdict.reason


def test_a_healthy_join_under_a_closed_channel_is_invalid() -> None:
    """A stale phx_close, taken for its own, buries a channel that the server holds."""
    story = one_client().closed("client-0", 50.0).members(99.0, [("client-0", 1)])
    verdict = resubscription(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "though its client does not say so" in verdict.reason


def test_a_channel_that_was_left_must_not_be_held() -> None:
    story = one_client().wants("client-0", 50.0, wanted=False).members(99.0, [("client-0", 1)])
    verdict = resubscription(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "joined though nobody wants it" in verdict.reason


def test_a_channel_may_linger_for_two_seconds_after_it_was_left() -> None:
    story = one_client().wants("client-0", 98.0, wanted=False).members(99.0, [("client-0", 1)])
    assert resubscription(story.history()).outcome is Outcome.VALID


def test_a_channel_that_nobody_ever_wanted_must_not_be_held() -> None:
    story = one_client().members(99.0, [("client-0", 1), ("stranger", 2)])
    assert resubscription(story.history()).outcome is Outcome.INVALID


def test_a_connection_that_died_in_silence_is_a_ghost() -> None:
    """A half-open connection is held by the server for a minute; no client can help that."""
    story = one_client().handshake("client-0", 40.0, conn=2).joins("client-0", 41.0, conn=2)
    story.members(99.0, [("client-0", 1), ("client-0", 2)])
    assert resubscription(story.history()).outcome is Outcome.VALID


def test_a_channel_that_only_a_ghost_holds_is_missing() -> None:
    story = one_client().handshake("client-0", 40.0, conn=2)
    story.frame("client-0", 50.0, "heartbeat", 2, "phoenix").members(99.0, [("client-0", 1)])
    verdict = resubscription(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "not joined on the server" in verdict.reason


def test_two_connections_that_are_both_spoken_on_hold_a_channel_twice() -> None:
    """The loser of two racing connects was never closed."""
    story = one_client().handshake("client-0", 40.0, conn=2).joins("client-0", 41.0, conn=2)
    story.frame("client-0", 60.0, "heartbeat", 1, "phoenix")
    story.frame("client-0", 66.0, "heartbeat", 2, "phoenix")
    verdict = resubscription(story.members(99.0, [("client-0", 1), ("client-0", 2)]).history())
    assert verdict.outcome is Outcome.INVALID
    assert "joined more than once" in verdict.reason


def test_a_run_without_its_last_act_shows_nothing() -> None:
    assert resubscription(one_client().history()).outcome is Outcome.UNKNOWN


def test_a_client_that_never_joined_anything_shows_nothing() -> None:
    """A client that crashed as it was made has not failed to come back: it never came."""
    verdict = resubscription(Story().wants("client-0").ends(100.0).members(99.0, []).history())
    assert verdict.outcome is Outcome.UNKNOWN
