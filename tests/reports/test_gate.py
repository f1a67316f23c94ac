"""What the gate concludes from cells, one objective at a time."""

from __future__ import annotations

from typing import Any

from harness.store import Result
from harness.verdict import Judgement, Outcome, Sli, Verdict
from reports.gate import Exit, Status, decide
from reports.model import Row
from reports.slo import parse_slo
from tests.reports.folders import (
    INVALID,
    NOT_APPLICABLE,
    SOUND,
    UNKNOWN,
    VALID,
    cell,
    recovered,
    says,
)


def row(judgement: Judgement | None, gates: bool = True, **names: Any) -> Row:
    return Row(Result(cell(**names), judgement), gates)


def decided(rows: list[Row], tables: dict[str, Any], partial: bool = False) -> dict[str, Status]:
    decision = decide(rows, parse_slo({"objective": tables, "partial": partial}))
    return {f"{one.scenario}/{one.name}": one.status for one in decision.objectives}


def test_a_client_that_never_recovered_breaks_the_bound_on_its_recovery_time() -> None:
    rows = [row(recovered(INVALID, None))]
    bound = {"*": {"recovery_s": {"max": 45}}}
    assert decided(rows, bound) == {"outage/recovery_s": Status.BROKEN}


def test_a_number_that_never_came_to_be_is_unknown_when_nobody_was_at_fault() -> None:
    rows = [row(recovered(UNKNOWN, None))]
    bound = {"*": {"recovery_s": {"max": 45}}}
    assert decided(rows, bound) == {"outage/recovery_s": Status.UNKNOWN}


def test_no_loss_where_nothing_was_sent_proves_nothing() -> None:
    """An undecided checker's zero would otherwise pass as a perfect score."""
    rows = [row(says(UNKNOWN, "no message was owed to anybody", lost=0))]
    assert decided(rows, {"*": {"lost": {"max": 0}}}) == {"outage/lost": Status.UNKNOWN}


def test_a_number_that_an_unknown_cell_did_not_measure_is_missing() -> None:
    rows = [row(says(VALID, lost=0)), row(says(UNKNOWN), seed=2)]
    assert decided(rows, {"*": {"lost": {"max": 0}}}) == {"outage/lost": Status.UNKNOWN}


def test_the_worst_number_decides_whichever_way_the_bound_points() -> None:
    rows = [row(says(VALID, joins=number), seed=number) for number in (3, 1, 2)]
    for bounds, worst in (({"max": 9}, 3), ({"min": 0}, 1)):
        decision = decide(rows, parse_slo({"objective": {"*": {"joins": bounds}}}))
        assert [one.measured for one in decision.objectives] == [worst]


def test_a_single_checkers_verdict_is_not_spoilt_by_another() -> None:
    both = Judgement({"recovery": Verdict(VALID, "quick"), "delivery": Verdict(INVALID, "lossy")})
    rows = [row(both)]
    assert decided(rows, {"*": {"verdict": {"recovery": "valid"}}}) == {
        "outage/verdict.recovery": Status.HOLDS
    }
    assert decided(rows, {"*": {"verdict": {"delivery": "valid"}}}) == {
        "outage/verdict.delivery": Status.BROKEN
    }


def test_what_a_checker_does_not_judge_is_not_held_against_a_pattern() -> None:
    rows = [row(SOUND), row(says(NOT_APPLICABLE), scenario="steady")]
    assert decided(rows, {"*": {"recovery_s": {"max": 45}}}) == {"outage/recovery_s": Status.HOLDS}


def test_what_an_exactly_named_scenario_did_not_measure_is_missing() -> None:
    """A misspelt expectation must not vanish."""
    for partial in (False, True):
        assert decided([row(SOUND)], {"outage": {"lost": {"max": 0}}}, partial) == {
            "outage/lost": Status.UNKNOWN
        }


def test_a_pattern_that_meets_nothing_is_missing_evidence_unless_the_run_may_be_partial() -> None:
    tables = {"*": {"verdict": "valid"}, "herd*": {"verdict": "valid"}}
    assert decided([row(SOUND)], tables)["herd*/verdict"] is Status.UNKNOWN
    assert decided([row(SOUND)], tables, partial=True)["herd*/verdict"] is Status.LEFT_OUT


def test_an_objective_that_others_stand_in_for_everywhere_is_not_missed() -> None:
    tables = {"*": {"recovery_s": {"max": 1}}, "outage": {"recovery_s": {"max": 60}}}
    assert decided([row(SOUND)], tables) == {"outage/recovery_s": Status.HOLDS}


def test_a_client_that_no_world_could_express_does_not_pass_beside_one_that_was_run() -> None:
    rows = [row(SOUND), row(says(NOT_APPLICABLE), client="other")]
    slo = parse_slo({"objective": {"*": {"verdict": "valid"}}, "partial": True})
    assert decide(rows, slo).exit is Exit.UNKNOWN


def test_clients_are_judged_apart() -> None:
    rows = [row(SOUND), row(says(INVALID), client="other")]
    decision = decide(rows, parse_slo({"objective": {"*": {"verdict": "valid"}}}))
    assert [(one.client, one.status) for one in decision.objectives] == [
        ("manager", Status.HOLDS),
        ("other", Status.BROKEN),
    ]


def test_every_outcome_of_every_checker_counts() -> None:
    """The cell's verdict is the worst of its checkers', whatever their order."""
    for outcomes in ((VALID, UNKNOWN), (UNKNOWN, VALID), (NOT_APPLICABLE, UNKNOWN)):
        checkers = {str(at): Verdict(outcome, "") for at, outcome in enumerate(outcomes)}
        assert decided([row(Judgement(checkers))], {"*": {"verdict": "valid"}}) == {
            "outage/verdict": Status.UNKNOWN
        }


def test_the_units_of_a_number_are_in_its_sentence() -> None:
    judgement = Judgement(
        {"storm": Verdict(Outcome.VALID, "", {}, {"joins": Sli(value=3, unit="1/s")})}
    )
    decision = decide([row(judgement)], parse_slo({"objective": {"*": {"joins": {"max": 2}}}}))
    assert "joins is 3 1/s (at most 2 allowed)" in decision.reason
