"""Tests of what counts as lost, twice, or out of order, and of what a fault excuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checkers.delivery import delivery, percentile
from harness.history import History, Op
from harness.verdict import Outcome
from tests.checkers.story import Story, perfect_run


def is_receipt(op: Op, id: int, client: str = "client-0") -> bool:
    return op.f == "received" and op.process == client and op.value["id"] == id


def without_receipt(history: History, id: int) -> History:
    return replace(history, ops=tuple(op for op in history.ops if not is_receipt(op, id)))


def test_what_an_outage_swallows_is_excused_and_counted() -> None:
    """Supabase offers no replay: a loss while faults last is no reproach, but an indicator."""
    verdict = delivery(perfect_run(clients=1).history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["lost"].value == 25  # Every half second from 10.0 to 22.0.
    assert verdict.slis["lost_after_recovery"].value == 0


def test_without_faults_every_loss_counts() -> None:
    verdict = delivery(without_receipt(perfect_run(fault_s=None).history(), 33))
    assert verdict.outcome is Outcome.INVALID
    assert "client-0: message 33 of 'room', published at 16.50 s" in verdict.reason


@pytest.mark.parametrize(
    ("id", "outcome"),
    [
        (10, Outcome.INVALID),  # 5.0 s: well before the fault at 10.0
        (18, Outcome.INVALID),  # 9.0 s: the last that had a second to arrive
        (19, Outcome.VALID),  # 9.5 s: it may have been on its way
        (20, Outcome.VALID),  # 10.0 s: as the fault strikes
        (44, Outcome.VALID),  # 22.0 s: just before the server joined the channel again
        (45, Outcome.INVALID),  # 22.5 s: the new join brought later ones, so it brought this one
        (46, Outcome.INVALID),  # 23.0 s: after recovery
    ],
)
def test_a_loss_is_definite_outside_the_faults_only(id: int, outcome: Outcome) -> None:
    assert delivery(without_receipt(perfect_run().history(), id)).outcome is outcome


def test_grace_excuses_losses_after_recovery() -> None:
    history = perfect_run(grace_s=3.0).history()
    assert delivery(without_receipt(history, 50)).outcome is Outcome.VALID  # 25.0 s
    assert delivery(without_receipt(history, 52)).outcome is Outcome.INVALID  # 26.0 s


def test_a_channel_that_falls_deaf_after_its_recovery_has_lost_messages() -> None:
    story = perfect_run().without(lambda op: op.f == "received" and op.time_s > 30)
    verdict = delivery(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert "lost after recovery" in verdict.reason


def test_the_last_seconds_of_a_run_prove_no_loss() -> None:
    """Nothing later has come, and there was little time for it to come."""
    story = perfect_run().without(lambda op: op.f == "received" and op.time_s > 35.1)
    assert delivery(story.history()).outcome is Outcome.VALID


def test_a_message_in_the_instant_of_the_calm_is_no_proof_of_recovery() -> None:
    """What comes before the true recovery would else be reproached as lost after it."""
    story = Story().wants("client-0").joined("client-0", 0.5).fault("mute_live", 10.0).ends(60.0)
    for id in range(1, 50):
        story.source(float(id), id)
        if not 10 < id < 40:
            story.received("client-0", id + 0.1, id)
    assert delivery(story.history()).outcome is Outcome.VALID


@pytest.mark.parametrize(
    ("before_end_s", "outcome"), [(4.9, Outcome.VALID), (5.1, Outcome.INVALID)]
)
def test_five_seconds_without_a_message_are_loss_enough(
    before_end_s: float, outcome: Outcome
) -> None:
    """Nothing later has come to prove it, but there was time enough for it."""
    story = Story().wants("client-0").joined("client-0", 1.0).ends(60.0)
    story.source(5.0, 1).received("client-0", 5.1, 1).source(60.0 - before_end_s, 2)
    assert delivery(story.history()).outcome is outcome


def test_a_client_that_says_joined_and_receives_nothing_has_lost_everything() -> None:
    story = Story().wants("client-0").joined("client-0", 1.0).source(5.0, 1).ends(60.0)
    assert delivery(story.history()).outcome is Outcome.INVALID


def test_a_client_that_has_not_joined_is_owed_nothing_yet() -> None:
    story = Story().wants("client-0").source(5.0, 1).joined("client-0", 10.0).ends(60.0)
    assert delivery(story.history()).outcome is Outcome.UNKNOWN


def test_a_channel_that_was_left_is_owed_nothing() -> None:
    story = perfect_run(fault_s=None).wants("client-0", 15.0, wanted=False)
    story.without(lambda op: op.f == "received" and op.process == "client-0" and op.time_s > 15)
    assert delivery(story.history()).outcome is Outcome.VALID


def test_a_channel_that_is_wanted_late_is_owed_what_comes_after_its_join() -> None:
    story = perfect_run(clients=1).wants("late", 30.0).joined("late", 31.0)
    for id in range(63, 78):
        story.received("late", id * 0.5 + 0.01, id)
    history = story.history()
    assert delivery(history).outcome is Outcome.VALID
    lossy = replace(history, ops=tuple(op for op in history.ops if not is_receipt(op, 65, "late")))
    assert delivery(lossy).outcome is Outcome.INVALID


def test_two_deliveries_of_one_message_are_one_too_many() -> None:
    verdict = delivery(perfect_run().received("client-1", 35.2, 70).history())
    assert verdict.outcome is Outcome.INVALID
    assert "1 message received twice (1 client; first client-1: message 70" in verdict.reason
    assert verdict.slis["duplicated"].value == 1


def test_a_message_that_overtakes_another_is_out_of_order() -> None:
    story = perfect_run().without(lambda op: is_receipt(op, 60)).received("client-0", 30.6, 60)
    verdict = delivery(story.history())
    assert verdict.outcome is Outcome.INVALID
    assert verdict.slis["reordered"].value == 1


def test_a_message_out_of_nowhere_is_invalid() -> None:
    verdict = delivery(perfect_run().received("client-0", 35.2, 1000).history())
    assert verdict.outcome is Outcome.INVALID
    assert "never published" in verdict.reason


def test_many_losses_are_counted_and_the_first_five_shown() -> None:
    story = perfect_run().without(lambda op: op.f == "received" and 25 < op.time_s < 30)
    evidence = delivery(story.history()).evidence["lost after recovery"]
    assert evidence["count"] == 20
    assert len(evidence["examples"]) == 6
    assert evidence["examples"][-1] == "and 15 more"
    assert evidence["worst"] == "client-0: 10 messages"


def test_a_run_without_messages_shows_nothing() -> None:
    story = Story().wants("client-0").joined("client-0", 1.0).ends(60.0)
    assert delivery(story.history()).outcome is Outcome.UNKNOWN


def test_a_client_that_never_came_back_has_definitely_lost_nothing() -> None:
    """That it is dead is the finding of `recovery`; no fault may be blamed twice."""
    story = perfect_run().without(lambda op: op.f == "received" and op.time_s > 10)
    verdict = delivery(story.history())
    assert verdict.outcome is Outcome.VALID
    assert verdict.slis["lost"].value == 2 * 58  # Numbers 20 to 77.


def test_latencies_are_measured_from_publication_to_receipt() -> None:
    slis = delivery(perfect_run(latency_s=0.25).history()).slis
    assert slis["delivery_p50_s"].value == pytest.approx(0.25)
    assert slis["delivery_p99_s"].value == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("numbers", "percent", "expected"),
    [([], 50, None), ([7.0], 99, 7.0), ([1.0, 2.0], 50, 1.0), ([1.0, 2.0], 51, 2.0)],
)
def test_percentiles_are_numbers_that_were_measured(
    numbers: list[float], percent: int, expected: float | None
) -> None:
    assert percentile(numbers, percent) == expected


runs = st.builds(
    lambda clients, fault_s, lasts_s, back_after_s: perfect_run(
        clients=clients,
        fault_s=fault_s,
        heal_s=fault_s + lasts_s,
        back_s=fault_s + lasts_s + back_after_s,
        end_s=fault_s + lasts_s + back_after_s + 15,
    ).history(),
    clients=st.integers(1, 3),
    fault_s=st.integers(2, 20).map(float),
    lasts_s=st.integers(1, 30).map(float),
    back_after_s=st.floats(0.5, 30.0),
)


@given(runs)
def test_a_perfect_client_is_never_reproached(history: History) -> None:
    assert delivery(history).outcome is Outcome.VALID


def late_receipts(history: History) -> list[int]:
    """Where the receipts stand that come after recovery, and of which a later one follows."""
    calm_s = history.where("heal", type="info")[0].time_s
    published = {
        op.value["id"]: op.time_s for op in history.where("broadcast", process="source", type="ok")
    }
    indices = [
        index
        for index, op in enumerate(history.ops)
        if op.f == "received" and op.process == "client-0" and published[op.value["id"]] > calm_s
    ]
    return indices[1:-1]


Spoil = Callable[[list[Op], int, int], None]


def remove(ops: list[Op], index: int, other: int) -> None:
    del ops[index]


def duplicate(ops: list[Op], index: int, other: int) -> None:
    ops.append(replace(ops[index], time_s=ops[-1].time_s))


def swap(ops: list[Op], index: int, other: int) -> None:
    one, two = ops[index], ops[other]
    ops[index], ops[other] = replace(one, value=two.value), replace(two, value=one.value)


@pytest.mark.parametrize("spoil", [remove, duplicate, swap])
@given(history=runs, data=st.data())
def test_no_spoilt_receipt_after_recovery_goes_unnoticed(
    spoil: Spoil, history: History, data: st.DataObject
) -> None:
    indices = late_receipts(history)
    index = data.draw(st.sampled_from(indices[:-1]))
    other = data.draw(st.sampled_from([one for one in indices if one > index]))
    ops = list(history.ops)
    spoil(ops, index, other)
    assert delivery(replace(history, ops=tuple(ops))).outcome is Outcome.INVALID


def test_a_slow_stream_that_was_never_broken_loses_nothing() -> None:
    """TCP keeps order: later messages by the same join prove that the earlier ones came, too."""
    story = Story().wants("client-0").handshake("client-0", 0.1).joins("client-0", 0.2)
    story.joined("client-0", 0.3).fault("slow", 10.0, 20.0)
    for id in range(1, 60):
        story.source(id * 0.5, id)
        if not 24 <= id <= 30:
            story.received("client-0", id * 0.5 + (2.0 if 20 <= id < 40 else 0.1), id)
    verdict = delivery(story.ends(40.0).history())
    assert verdict.outcome is Outcome.INVALID
    assert "7 messages lost on a connection that never broke" in verdict.reason


def spoilt(*spoils: str) -> Story:
    """The server itself spoils its streams from 20 to 30 s; the connection never breaks."""
    story = perfect_run(fault_s=None, end_s=50.0)
    return story.fault("drop", 20.0, 30.0, spoils=list(spoils))


def test_what_the_server_itself_lost_is_no_reproach() -> None:
    for spoils, outcome in ((["loss"], Outcome.VALID), (["order"], Outcome.INVALID)):
        history = without_receipt(spoilt(*spoils).history(), 50)  # 25.0 s
        assert delivery(history).outcome is outcome


def test_what_the_server_itself_repeats_is_no_reproach() -> None:
    for spoils, outcome in ((["once"], Outcome.VALID), (["loss"], Outcome.INVALID)):
        history = spoilt(*spoils).received("client-0", 25.3, 50).history()
        verdict = delivery(history)
        assert verdict.outcome is outcome
        assert verdict.evidence.get("spoilt", 0) == (outcome is Outcome.VALID)


def test_a_spoilt_stream_excuses_nothing_before_and_after() -> None:
    for id in (20, 70):  # 10.0 s and 35.0 s
        history = without_receipt(spoilt("loss", "once", "order").history(), id)
        assert delivery(history).outcome is Outcome.INVALID
