"""What slo.toml promises for which scenario."""

from __future__ import annotations

import pytest

from reports.slis import INDICATORS
from reports.slo import DEFAULT, BadSlo, check_names, parse_slo, read_slo


def test_the_last_pattern_in_the_file_wins() -> None:
    tables = {
        "*": {"recovery_s": {"max": 45}, "lost": {"max": 0}},
        "out*": {"recovery_s": {"max": 60}},
        "reset": {"recovery_s": {"max": 5}},
    }
    slo = parse_slo({"objective": tables})
    assert {one.name: one.max for one in slo.effective("outage")} == {"recovery_s": 60, "lost": 0}
    assert {one.name: one.max for one in slo.effective("reset")} == {"recovery_s": 5, "lost": 0}


def test_patterns_tell_capitals_apart() -> None:
    slo = parse_slo({"objective": {"Out*": {"verdict": "valid"}}})
    assert slo.effective("outage") == []


def test_single_checkers_can_be_asked_for() -> None:
    slo = parse_slo({"objective": {"*": {"verdict": {"recovery": "valid", "delivery": "valid"}}}})
    assert [one.checker for one in slo.objectives] == ["recovery", "delivery"]


def test_a_bound_itself_is_allowed() -> None:
    (one,) = parse_slo({"objective": {"*": {"joins": {"min": 1, "max": 2}}}}).objectives
    assert [one.allows(value) for value in (0.9, 1, 2, 2.1)] == [False, True, True, False]
    assert one.limit == "at least 1, at most 2"


def test_the_default_objectives_read_and_know_their_names() -> None:
    slo = read_slo(DEFAULT)
    check_names(slo, numbers=INDICATORS, checkers=(), scenarios=())
    assert {one.name for one in slo.effective("thundering_herd")} == {
        "verdict",
        "recovery_s",
        "lost_after_recovery",
        "spread_max_share",
    }


def test_the_default_file_names_every_number_that_can_be_bounded() -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    assert [name for name in INDICATORS if name not in text] == []


def test_a_number_of_the_runs_own_checker_is_known() -> None:
    slo = parse_slo({"objective": {"*": {"frames_spilled": {"max": 0}}}})
    check_names(slo, numbers=["frames_spilled"], checkers=(), scenarios=())
    with pytest.raises(BadSlo, match="unknown SLI 'frames_spilled'"):
        check_names(slo, numbers=INDICATORS, checkers=(), scenarios=())


def test_an_unknown_scenario_is_refused_unless_the_run_may_be_partial() -> None:
    tables = {"outagge": {"verdict": "valid"}}
    strict, partial = ({"objective": tables}, {"objective": tables, "partial": True})
    with pytest.raises(BadSlo, match="unknown scenario 'outagge'; known: outage"):
        check_names(parse_slo(strict), numbers=(), checkers=(), scenarios=["outage"])
    check_names(parse_slo(partial), numbers=(), checkers=(), scenarios=["outage"])
