"""Tests of how all checkers judge together."""

from __future__ import annotations

import json

import pytest

from harness.checkers import CHECKERS, judge
from harness.history import History, header_line, op_line, read_history
from harness.verdict import Outcome, Verdict
from tests.checkers.story import Story, perfect_run


def test_a_perfect_client_passes_every_checker() -> None:
    judgement = judge(perfect_run(clients=3).history())
    assert judgement.outcome is Outcome.VALID, judgement.reason


def test_every_checker_judges_every_run() -> None:
    assert list(judge(perfect_run().history()).checkers) == list(CHECKERS)


def test_a_checker_that_breaks_concludes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its failure neither passes the run nor hides what the others found."""

    def broken(history: History) -> Verdict:
        raise KeyError("ops")

    judgement = judge(perfect_run().history(), {"broken": broken})
    assert judgement.outcome is Outcome.UNKNOWN
    assert judgement.checkers["broken"].reason == "the checker broke: KeyError: 'ops'"
    assert judgement.checkers["delivery"].outcome is Outcome.VALID
    assert "a checker broke" in caplog.text


def test_a_scenario_may_bring_a_checker_of_its_own() -> None:
    own = Verdict(Outcome.INVALID, "not to my taste")
    assert judge(perfect_run().history(), {"own": lambda _: own}).reason == "own: not to my taste"


@pytest.mark.parametrize(
    "story", [perfect_run(), perfect_run(fault_s=None), Story()], ids=["faults", "calm", "empty"]
)
def test_evidence_is_json(story: Story) -> None:
    for verdict in judge(story.history()).checkers.values():
        assert json.loads(json.dumps(verdict.evidence)) == verdict.evidence


def test_a_history_is_judged_the_same_after_it_was_written_and_read() -> None:
    """A run is judged again from its folder."""
    history = perfect_run().history()
    lines = [header_line(history.header), *(op_line(op) for op in history)]
    assert judge(read_history(lines)) == judge(history)


def test_no_checker_breaks_on_a_run_that_was_cut_short() -> None:
    """Whatever was recorded is kept, and judged, when a run is interrupted at any op."""
    history = perfect_run(clients=1, fault_s=3.0, heal_s=5.0, back_s=6.0, end_s=10.0).history()
    for length in range(len(history.ops)):
        judgement = judge(History(history.header, history.ops[:length]))
        assert "the checker broke" not in str(judgement.checkers)
        assert judgement.outcome is not Outcome.INVALID, judgement.reason
