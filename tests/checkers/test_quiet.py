"""Tests of the quiet after a leave and after a close."""

from __future__ import annotations

import pytest

from harness.checkers.quiet import quiet
from harness.checkers.spans import claimed
from harness.verdict import Outcome
from tests.checkers.story import Story


def left() -> Story:
    return Story().call(1.0, "client-0", "leave", "ok", 0.5, topic="room")


def closed() -> Story:
    return Story().call(1.0, "client-0", "close", "ok", 0.5)


def asks(story: Story, at_s: float, f: str, **value: str) -> Story:
    return story.call(at_s, "client-0", f, "ok", 0.1, **value)


def test_nothing_to_be_quiet_after_is_not_applicable() -> None:
    assert quiet(Story().joined("client-0", 1.0).history()).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    "story",
    [
        left().received("client-0", 1.2, 1),
        left().joined("client-0", 2.0, topic="hall"),
        left().joined("client-1", 2.0),
        left().lost("client-0", 2.0),
        asks(left(), 3.0, "subscribe", topic="room").joined("client-0", 3.05),
        asks(left(), 1.2, "subscribe", topic="room").joined("client-0", 2.0),
        asks(closed(), 3.0, "open").joined("client-0", 3.5),
        closed().handshake("client-0", 2.0).disconnect("client-0", 2.1),
        closed().frame("client-0", 1.6, "phx_leave"),
        Story().call(1.0, "client-0", "leave", "info", topic="room").joined("client-0", 2.0),
    ],
    ids=[
        "while it leaves",
        "another topic",
        "another client",
        "a loss",
        "wanted again",
        "wanted again while it leaves",
        "opened again",
        "a handshake given up",
        "a last word on the way",
        "a leave of unknown fate",
    ],
)
def test_what_is_no_noise(story: Story) -> None:
    assert quiet(story.history()).outcome is not Outcome.INVALID


@pytest.mark.parametrize(
    "story",
    [
        left().received("client-0", 2.0, 1),
        left().joined("client-0", 2.0),
        closed().received("client-0", 2.0, 1, topic="hall"),
        closed().joined("client-0", 2.0),
        asks(closed(), 2.0, "subscribe", topic="room").joined("client-0", 3.0),
        closed().handshake("client-0", 2.0, conn=2).frame("client-0", 3.0, "phx_join", conn=2),
    ],
    ids=["received", "joined", "received closed", "joined closed", "no open", "new connection"],
)
def test_noise_after_the_end_breaks_the_quiet(story: Story) -> None:
    verdict = quiet(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "after its" in verdict.reason or "made after" in verdict.reason


def test_a_client_that_is_closed_claims_no_channel_any_more() -> None:
    story = Story().joined("client-0", 1.0).joined("client-0", 1.0, topic="hall")
    spans = claimed(story.call(5.0, "client-0", "close", None).ends(9.0).history())
    assert [(span.from_s, span.to_s) for one in spans.values() for span in one] == [(1.0, 5.0)] * 2
