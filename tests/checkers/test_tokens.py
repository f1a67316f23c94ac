"""Tests of which token a join may carry."""

from __future__ import annotations

import pytest

from harness.checkers.tokens import tokens
from harness.history import Type
from harness.verdict import Outcome
from tests.checkers.story import Story


def rotated(answer: Type | None = "ok", token_id: str = "second", at_s: float = 5.0) -> Story:
    story = Story().joins("client-0", 1.0, token_id="first")
    return story.call(at_s, "client-0", "set_token", answer, 0.1, token_id=token_id)


@pytest.mark.parametrize(
    ("token_id", "at_s", "outcome"),
    [
        ("second", 10.0, Outcome.VALID),
        ("first", 10.0, Outcome.INVALID),
        ("first", 6.0, Outcome.NOT_APPLICABLE),  # It may have been on its way.
        ("first", 6.2, Outcome.INVALID),
    ],
)
def test_a_join_carries_the_newest_token(token_id: str, at_s: float, outcome: Outcome) -> None:
    story = rotated().joins("client-0", at_s, conn=2, token_id=token_id)
    assert tokens(story.history()).outcome is outcome


def test_the_stale_token_and_the_right_one_are_named() -> None:
    verdict = tokens(rotated().joins("client-0", 10.0, conn=2).history())
    assert verdict.reason == (
        "1 join with an old token (client-0 joined 'room' at 10.0 s "
        "with token 'first' instead of 'second')"
    )


def test_while_a_token_is_being_set_either_may_come() -> None:
    story = rotated().call(20.0, "client-0", "set_token", "ok", 3.0, token_id="third")
    story.joins("client-0", 21.0, conn=2, token_id="second")
    story.joins("client-0", 22.0, conn=3, token_id="third")
    assert tokens(story.history()).outcome is Outcome.VALID
    story.joins("client-0", 25.0, conn=4, token_id="second")
    assert tokens(story.history()).outcome is Outcome.INVALID


@pytest.mark.parametrize("answer", ["info", "fail", None])
def test_a_token_that_the_client_never_took_obliges_to_nothing(answer: Type | None) -> None:
    story = rotated(answer).joins("client-0", 10.0, conn=2, token_id="first")
    assert tokens(story.history()).outcome is Outcome.NOT_APPLICABLE


def test_a_token_of_unknown_fate_may_be_used_all_the_same() -> None:
    story = rotated().call(20.0, "client-0", "set_token", None, token_id="third")
    story.joins("client-0", 25.0, conn=2, token_id="third")
    story.joins("client-0", 26.0, conn=3, token_id="second")
    assert tokens(story.history()).outcome is Outcome.VALID


def test_the_token_of_one_client_is_not_anothers() -> None:
    story = rotated().joins("client-1", 10.0, conn=2, token_id="first")
    assert tokens(story.history()).outcome is Outcome.NOT_APPLICABLE


def test_without_a_new_token_nothing_is_judged() -> None:
    story = Story().joins("client-0", 1.0)
    assert tokens(story.history()).outcome is Outcome.NOT_APPLICABLE


def slowly_joined(story: Story, came_s: float, done_s: float, ref: str, token_id: str) -> Story:
    """A join on connection 2 that keeps the server busy."""
    story.frame("client-0", came_s, "phx_join", conn=2, ref=ref, join_ref=ref)
    value = {"client": "client-0", "topic": "room", "conn": 2, "join_ref": ref}
    return story.server(done_s, "join", **value, token_id=token_id)


def test_a_join_is_judged_by_when_it_came_and_not_by_when_the_server_was_done_with_it() -> None:
    """A server that is busy joining for ten seconds joins with the token that the join carries."""
    story = slowly_joined(rotated(), 4.0, 14.0, "9", "first")
    assert tokens(story.history()).outcome is Outcome.NOT_APPLICABLE
    late = slowly_joined(rotated(), 7.0, 14.0, "9", "first")
    assert tokens(late.history()).outcome is Outcome.INVALID


def test_a_join_may_have_waited_for_another() -> None:
    story = slowly_joined(rotated(), 4.0, 14.0, "9", "first")
    waited = slowly_joined(story, 14.0, 24.0, "10", "first")
    assert tokens(waited.history()).outcome is Outcome.NOT_APPLICABLE
    later = slowly_joined(waited, 25.0, 26.0, "11", "first")
    assert tokens(later.history()).outcome is Outcome.INVALID


def test_a_client_that_is_opened_again_owes_the_token_once_it_was_given_again() -> None:
    """It may be a process that was started anew."""
    story = rotated().call(10.0, "client-0", "open", "ok", 0.1)
    story.call(10.2, "client-0", "set_token", "ok", 0.1, token_id="second")
    story.joins("client-0", 10.4, conn=2, token_id="first")
    assert tokens(story.history()).outcome is Outcome.NOT_APPLICABLE
    story.joins("client-0", 11.5, conn=2, token_id="first")
    assert tokens(story.history()).outcome is Outcome.INVALID


def test_a_client_that_is_opened_again_owes_the_token_if_it_is_not_given_again() -> None:
    story = rotated().call(10.0, "client-0", "open", "ok", 0.1)
    story.joins("client-0", 10.4, conn=2, token_id="first")
    assert tokens(story.history()).outcome is Outcome.INVALID
