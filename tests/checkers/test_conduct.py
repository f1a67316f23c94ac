"""Tests of the protocol's rules, as frames keep them and break them."""

from __future__ import annotations

import pytest

from harness.checkers.conduct import conduct
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def joined() -> Story:
    """One client, joined to `room` on connection 1."""
    return Story().handshake("client-0", 0.1).joins("client-0", 1.0).ends(50.0)


def test_a_perfect_client_keeps_the_rules() -> None:
    assert conduct(perfect_run().history()).outcome is Outcome.VALID


def test_a_push_to_a_joined_topic_is_as_it_should_be() -> None:
    assert conduct(joined().frame("client-0", 2.0, "broadcast").history()).outcome is Outcome.VALID


@pytest.mark.parametrize(
    "story",
    [
        joined().frame("client-0", 2.0, "broadcast", topic="hall"),
        joined().frame("client-0", 0.5, "broadcast"),
        joined().leaves("client-0", 2.0, by="client").frame("client-0", 3.0, "broadcast"),
        joined().frame("client-0", 2.0, "phx_leave").frame("client-0", 3.0, "broadcast"),
        joined().handshake("client-0", 5.0, conn=2).frame("client-0", 6.0, "broadcast", conn=2),
    ],
    ids=["other topic", "before the join", "after a leave", "while leaving", "other connection"],
)
def test_a_push_to_what_is_not_joined_breaks_the_rules(story: Story) -> None:
    verdict = conduct(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "pushed to what was not joined" in verdict.reason


def test_a_push_may_cross_the_end_of_its_channel_on_the_way() -> None:
    """The server ended the channel; the client cannot know it yet."""
    story = joined().leaves("client-0", 2.0, by="server")
    assert conduct(story.frame("client-0", 4.0, "broadcast").history()).outcome is Outcome.VALID
    assert conduct(story.frame("client-0", 13.0, "broadcast").history()).outcome is Outcome.INVALID


def test_a_second_join_of_a_live_topic_breaks_the_rules() -> None:
    verdict = conduct(joined().joins("client-0", 2.0).history())
    assert verdict.outcome is Outcome.INVALID
    assert "joined what was joined" in verdict.reason


def test_a_topic_may_be_joined_again_once_it_was_left_or_ended() -> None:
    left = joined().frame("client-0", 2.0, "phx_leave").joins("client-0", 3.0)
    ended = joined().leaves("client-0", 2.0, by="server").joins("client-0", 3.0)
    assert conduct(left.history()).outcome is Outcome.VALID
    assert conduct(ended.history()).outcome is Outcome.VALID


def test_a_stale_leave_is_no_leave() -> None:
    """The server ignores it by its join_ref, so the channel is joined still."""
    story = joined().frame("client-0", 2.0, "phx_leave", join_ref="of another join")
    assert conduct(story.frame("client-0", 3.0, "broadcast").history()).outcome is Outcome.VALID
    assert conduct(story.joins("client-0", 4.0).history()).outcome is Outcome.INVALID


def test_a_refused_join_may_be_tried_again() -> None:
    story = Story().handshake("client-0", 0.1).frame("client-0", 1.0, "phx_join")
    assert conduct(story.joins("client-0", 7.0).history()).outcome is Outcome.VALID


def test_a_ref_is_used_once_on_each_connection() -> None:
    story = joined().frame("client-0", 2.0, "broadcast", ref="77")
    assert conduct(story.history()).outcome is Outcome.VALID
    again = story.frame("client-0", 3.0, "broadcast", ref="77")
    assert "used a ref twice" in conduct(again.history()).reason
    elsewhere = joined().frame("client-0", 2.0, "broadcast", ref="77")
    elsewhere.handshake("client-0", 5.0, conn=2).frame(
        "client-0", 6.0, "heartbeat", 2, "phoenix", ref="77"
    )
    assert conduct(elsewhere.history()).outcome is Outcome.VALID


@pytest.mark.parametrize("ref", [None, ""])
def test_the_null_ref_is_nobodys(ref: str | None) -> None:
    story = joined()
    for at_s in (2.0, 3.0):
        story.frame("client-0", at_s, "heartbeat", topic="phoenix", ref=ref)
    assert conduct(story.history()).outcome is Outcome.VALID


def test_a_heartbeat_goes_to_phoenix() -> None:
    verdict = conduct(joined().frame("client-0", 2.0, "heartbeat").history())
    assert verdict.outcome is Outcome.INVALID


def test_what_cannot_be_read_breaks_the_rules() -> None:
    verdict = conduct(joined().frame("client-0", 2.0, None, topic=None, ref=None).history())
    assert verdict.outcome is Outcome.INVALID
    assert "sent what cannot be read" in verdict.reason


def heartbeats(*at_s: float) -> Story:
    story = joined().ends(200.0)
    for one_s in at_s:
        story.frame("client-0", one_s, "heartbeat", topic="phoenix")
    # What a client only meant to send breaks no silence.
    story.call(100.0, "client-0", "broadcast", "info", topic="room", id=1)
    return story


def test_a_connection_must_not_be_silent_for_more_than_a_minute() -> None:
    assert conduct(heartbeats(60.0, 120.0, 180.0).history()).outcome is Outcome.VALID
    assert conduct(heartbeats(60.0, 121.0, 180.0).history()).outcome is Outcome.INVALID
    assert conduct(heartbeats(60.0, 120.0).history()).outcome is Outcome.INVALID


def test_a_connection_that_has_ended_may_be_silent() -> None:
    story = heartbeats(30.0).disconnect("client-0", 60.0)
    assert conduct(story.history()).outcome is Outcome.VALID


def test_a_silence_after_a_fault_proves_nothing() -> None:
    """Packets vanish: the client may speak and nobody hears it."""
    story = heartbeats(30.0).fault("hole", 50.0, 190.0)
    assert conduct(story.history()).outcome is Outcome.VALID


def test_a_silence_before_the_fault_is_the_clients_own() -> None:
    story = heartbeats().fault("hole", 70.0, 190.0)
    assert conduct(story.history()).outcome is Outcome.INVALID


def test_without_frames_nothing_is_judged() -> None:
    assert conduct(Story().joined("client-0", 1.0).history()).outcome is Outcome.NOT_APPLICABLE


def test_a_connection_is_not_kept_alive_beside_a_newer_one() -> None:
    """The old one may say a last word; then it ends."""
    both = joined().handshake("client-0", 5.0, conn=2)
    last_word = both.frame("client-0", 6.0, "heartbeat", topic="phoenix")
    assert conduct(last_word.history()).outcome is Outcome.VALID
    verdict = conduct(both.frame("client-0", 26.0, "heartbeat", topic="phoenix").history())
    assert verdict.outcome is Outcome.INVALID
    assert "kept a connection alive beside a newer one" in verdict.reason
