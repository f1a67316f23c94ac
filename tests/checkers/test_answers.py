"""Tests of the answers that every call of an application gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checkers.answers import JUDGED, answers
from harness.history import History
from harness.verdict import Outcome
from tests.checkers.story import Story


def given_up(story: Story, f: str, at_s: float = 30.0, took_s: float = 40.0) -> History:
    """A call that the runner gave up, in a run of 100 s."""
    history = story.call(at_s, "client-0", f, "info", took_s, topic="room").ends(100.0).history()
    ops = [
        replace(op, value={**op.value, "unanswered": True}) if op.time_s == at_s + took_s else op
        for op in history.ops
    ]
    return History(history.header, tuple(ops))


def test_a_run_without_calls_is_not_applicable() -> None:
    assert answers(Story().ends(9.0).history()).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("f", JUDGED)
def test_a_call_that_the_runner_gave_up_never_returned(f: str) -> None:
    verdict = answers(given_up(Story(), f))
    assert verdict.outcome is Outcome.INVALID
    first = f"client-0: {f} of 'room' at 30.0 s had no answer in 40 s"
    assert verdict.reason == f"1 call never returned (first: {first})"
    assert verdict.evidence["unanswered"] == [first]


def test_a_call_without_an_end_never_returned_if_the_run_waited_long_enough() -> None:
    story = Story().call(10.0, "client-0", "leave", None, topic="room")
    assert answers(story.ends(29.0).history()).outcome is Outcome.VALID
    verdict = answers(story.ends(31.0).history())
    assert verdict.outcome is Outcome.INVALID
    assert "had no answer in 21 s" in verdict.reason


@pytest.mark.parametrize("answer", ["ok", "fail", "info"])
def test_whatever_was_answered_or_cancelled_has_returned(answer: str) -> None:
    story = Story().call(10.0, "client-0", "close", answer, 39.0)  # type: ignore[arg-type]
    assert answers(story.ends(100.0).history()).outcome is Outcome.VALID


def test_a_broadcast_is_judged_by_its_acknowledgement_and_not_here() -> None:
    assert answers(given_up(Story(), "broadcast")).outcome is not Outcome.INVALID


@pytest.mark.parametrize(
    ("start_s", "heal_s", "told", "expected"),
    [
        (20.0, 29.0, {}, Outcome.INVALID),
        (20.0, 31.0, {}, Outcome.VALID),
        (60.0, 65.0, {}, Outcome.VALID),
        (71.0, 75.0, {}, Outcome.INVALID),
        (60.0, None, {}, Outcome.VALID),
        (60.0, 65.0, {"victims": ["client-1"]}, Outcome.INVALID),
        (60.0, 65.0, {"spoils": ["word"]}, Outcome.INVALID),
    ],
    ids=["before", "at its start", "meanwhile", "after", "for ever", "elsewhere", "another harm"],
)
def test_a_client_that_a_fault_keeps_from_answering_is_not_blamed(
    start_s: float, heal_s: float | None, told: dict[str, list[str]], expected: Outcome
) -> None:
    story = Story().fault("kill", start_s, heal_s, **{"spoils": ["answer"], **told})
    assert answers(given_up(story, "leave")).outcome is expected


def test_a_subscribe_may_wait_while_a_fault_can_keep_it_from_joining() -> None:
    during = given_up(Story().fault("refuse", 20.0, 90.0), "subscribe")
    assert answers(during).outcome is Outcome.VALID
    assert answers(given_up(Story().fault("refuse", 20.0, 29.0), "subscribe")).outcome is (
        Outcome.INVALID
    )
