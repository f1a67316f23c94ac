"""Tests of how long the way back took, and of what is no way back at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checkers.recovery import recovery
from harness.history import Op
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def hears_nothing_after(time_s: float, client: str = "client-0") -> Story:
    return perfect_run(end_s=80.0).without(
        lambda op: op.f == "received" and op.process == client and op.time_s > time_s
    )


def test_recovery_is_measured_from_the_last_act_of_the_nemesis() -> None:
    verdict = recovery(perfect_run(heal_s=20.0, back_s=22.0).history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["recovery_s"].value == pytest.approx(2.51)


def test_a_client_that_recovered_during_the_fault_recovered_early_not_never() -> None:
    """A new connection worked while the fault lasted: half-open links are like that."""
    verdict = recovery(perfect_run(heal_s=20.0, back_s=15.0).history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["recovery_s"].value == pytest.approx(0.51)


def test_a_fault_without_heal_is_measured_from_its_start() -> None:
    story = Story().wants("client-0").joined("client-0", 0.5).fault("dead_flow", 10.0)
    story.source(5.0, 1).received("client-0", 5.1, 1)
    story.source(12.0, 2).source(35.0, 3).received("client-0", 35.1, 3).ends(40.0)
    assert recovery(story.history()).slis["recovery_s"].value == pytest.approx(25.1)


def test_a_message_from_before_the_calm_is_no_proof_of_recovery() -> None:
    """It may have been on its way since before the fault."""
    story = hears_nothing_after(10.0).received("client-0", 20.5, 39)
    assert recovery(story.history()).outcome is Outcome.INVALID


def test_a_message_in_the_instant_of_the_calm_is_no_proof_of_recovery() -> None:
    """In virtual time the source and the nemesis act at once, and this one slipped through."""
    story = Story().wants("client-0").joined("client-0", 0.5).fault("mute_live", 10.0)
    story.source(5.0, 1).received("client-0", 5.1, 1).source(10.0, 2).received("client-0", 10.1, 2)
    story.source(40.0, 3).received("client-0", 40.1, 3).ends(50.0)
    assert recovery(story.history()).slis["recovery_s"].value == pytest.approx(30.1)


def test_a_client_that_never_comes_back_is_dead_and_its_last_word_is_told() -> None:
    story = hears_nothing_after(10.0).without(
        lambda op: op.process == "client-0" and op.f == "joined" and op.time_s > 10
    )
    story.closed("client-0", 21.0, "gave up")
    verdict = recovery(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert verdict.reason == (
        "dead: 1 of 2 channels never worked again "
        "(client-0 on 'room'; its last word was 'closed' (gave up) at 21.0 s)"
    )
    assert verdict.slis["recovery_s"].value is None


@pytest.mark.parametrize(("within_s", "outcome"), [(2.6, Outcome.VALID), (2.4, Outcome.INVALID)])
def test_the_bound_is_the_headers(within_s: float, outcome: Outcome) -> None:
    verdict = recovery(perfect_run(recovery_within_s=within_s).history())
    assert verdict.outcome is outcome


def test_slow_clients_are_named() -> None:
    verdict = recovery(perfect_run(recovery_within_s=1.0).history())
    assert verdict.reason.startswith("slow: client-0 on 'room' worked again only after 2.51 s")


def test_one_dead_client_outweighs_all_that_recovered() -> None:
    assert recovery(hears_nothing_after(10.0, "client-1").history()).outcome is Outcome.INVALID


def test_a_run_that_was_cut_short_cannot_say_that_a_client_is_dead() -> None:
    story = hears_nothing_after(10.0).without(lambda op: op.time_s > 60.0)
    assert recovery(story.history()).outcome is Outcome.UNKNOWN


def test_a_run_that_was_cut_short_while_the_nemesis_acted_shows_nothing() -> None:
    def unfinished(op: Op) -> bool:
        return op.time_s > 20.0 or (op.f == "heal" and op.type == "info")

    verdict = recovery(perfect_run().without(unfinished).history())
    assert verdict.outcome is Outcome.UNKNOWN


def test_clients_that_never_worked_can_not_recover() -> None:
    story = perfect_run(end_s=80.0).without(lambda op: op.f == "received")
    assert recovery(story.history()).outcome is Outcome.UNKNOWN


def test_one_that_never_worked_is_no_proof_beside_those_that_recovered() -> None:
    story = perfect_run(end_s=80.0).without(
        lambda op: op.f == "received" and op.process == "client-1"
    )
    assert recovery(story.history()).outcome is Outcome.UNKNOWN


def test_a_source_that_kept_silent_proves_nobody_dead() -> None:
    story = perfect_run(end_s=80.0).without(
        lambda op: op.time_s > 10 and (op.process == "source" or op.f == "received")
    )
    assert recovery(story.history()).outcome is Outcome.UNKNOWN


def test_a_channel_that_was_left_need_not_recover() -> None:
    story = hears_nothing_after(10.0).wants("client-0", 12.0, wanted=False)
    assert recovery(story.history()).outcome is Outcome.VALID


def test_without_a_fault_there_is_nothing_to_recover_from() -> None:
    assert recovery(perfect_run(fault_s=None).history()).outcome is Outcome.NOT_APPLICABLE


@given(back_after_s=st.floats(0.5, 70.0))
def test_recovery_is_valid_exactly_if_it_came_in_time(back_after_s: float) -> None:
    """The first message that can arrive after the way back is less than a period later."""
    story = perfect_run(clients=1, back_s=20.0 + back_after_s, end_s=100.0, recovery_within_s=45)
    verdict = recovery(story.history())
    took_s = verdict.slis["recovery_s"].value
    assert took_s is not None
    assert back_after_s <= took_s <= back_after_s + 0.52
    assert verdict.outcome is (Outcome.VALID if took_s <= 45 else Outcome.INVALID)
