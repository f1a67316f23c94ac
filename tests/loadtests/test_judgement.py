"""Facts about the verdict: a loss is invalid, too little load is unknown, and neither hides."""

from __future__ import annotations

import pytest

from harness.verdict import Outcome
from loadtests.judgement import Asked, exit_code, judge
from loadtests.tally import Tally

ASKED = Asked(users=10, processes=2, run_s=30.0, ran_s=30.0)


def fine(**changed: int) -> Tally:
    """Ten users, each message back; with some counts changed."""
    tally = Tally()
    tally.counts.update(started=10, joined=10, sent=100, delivered=100, settled=2)
    tally.counts.update({name: value - tally.counts[name] for name, value in changed.items()})
    for _ in range(10):
        tally.time("connect", 0.02)
        tally.time("join", 0.01)
    for _ in range(tally.counts["delivered"]):
        tally.time("delivery", 0.005)
    return tally


def test_every_message_back_once_is_valid() -> None:
    judgement = judge(fine(), ASKED)
    assert judgement.outcome == Outcome.VALID
    assert exit_code(judgement) == 0


def test_the_numbers_are_there_with_their_units() -> None:
    slis = judge(fine(), ASKED).slis
    assert slis["delivery_p99_s"].value == pytest.approx(0.005)
    assert slis["connect_p99_s"].unit == "s"
    assert slis["join_p50_s"].value == pytest.approx(0.01)
    assert slis["lost"].value == 0
    assert slis["sent"].unit == "messages"


@pytest.mark.parametrize("wrong", ["lost", "unsent", "duplicated", "reordered"])
def test_one_message_gone_wrong_is_invalid(wrong: str) -> None:
    """No fault was injected: nothing excuses it."""
    judgement = judge(fine(**{wrong: 1}), ASKED)
    assert judgement.outcome == Outcome.INVALID
    assert f"1 {wrong}" in judgement.reason
    assert exit_code(judgement) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"joined": 9}, "9 of 10 users joined"),
        ({"delivered": 0}, "nothing was delivered"),
        ({"settled": 1}, "1 of 2 processes"),
        ({"crashed": 1}, "1 users crashed"),
    ],
)
def test_less_load_than_was_asked_for_is_unknown(changed: dict[str, int], said: str) -> None:
    judgement = judge(fine(**changed), ASKED)
    assert judgement.outcome == Outcome.UNKNOWN
    assert said in judgement.reason
    assert exit_code(judgement) == 2


def test_a_test_that_was_stopped_before_its_time_is_unknown() -> None:
    judgement = judge(fine(), Asked(users=10, processes=2, run_s=30.0, ran_s=12.0))
    assert judgement.outcome == Outcome.UNKNOWN
    assert "stopped after 12 of 30 s" in judgement.reason


def test_a_test_without_an_end_may_be_stopped_at_any_time() -> None:
    judgement = judge(fine(), Asked(users=10, processes=2, run_s=0.0, ran_s=12.0))
    assert judgement.outcome == Outcome.VALID


def test_a_loss_outweighs_too_little_load() -> None:
    """A load that was too small to pass is large enough to fail."""
    assert judge(fine(joined=9, lost=1), ASKED).outcome == Outcome.INVALID


def test_a_load_test_that_broke_blames_nobody() -> None:
    """When our own server dies, the losses are not the client's."""
    asked = Asked(users=10, processes=2, broken="the fake server ended by itself")
    judgement = judge(fine(lost=50), asked)
    assert judgement.outcome == Outcome.UNKNOWN
    assert judgement.reason == "load: the fake server ended by itself"


def test_nothing_at_all_is_unknown() -> None:
    judgement = judge(Tally(), ASKED)
    assert judgement.outcome == Outcome.UNKNOWN
    assert judgement.slis["delivery_p99_s"].value is None


def test_the_reasons_are_the_evidence() -> None:
    tally = fine()
    tally.count("lost", "acked")
    tally.count("disconnected", "close code 1012")
    assert judge(tally, ASKED).checkers["delivery"].evidence == {
        "lost: acked": 1,
        "disconnected: close code 1012": 1,
    }
