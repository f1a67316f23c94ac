"""The table that a person reads after a run."""

from __future__ import annotations

import re

from hypothesis import given

from harness.store import Cell, Result
from harness.verdict import Judgement
from reports.table import verdict_table
from tests.reports.folders import (
    DEAD,
    INVALID,
    NOT_APPLICABLE,
    SOUND,
    UNKNOWN,
    VALID,
    cell,
    recovered,
    says,
)
from tests.reports.hostile import hostile_text

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def result(
    judgement: Judgement | None,
    *,
    scenario: str = "outage",
    client: str = "manager",
    world: str = "sim",
    seed: int = 1,
) -> Result:
    return Result(Cell(scenario, client, world, seed), judgement)


def test_each_client_has_a_column_and_each_scenario_and_world_a_line() -> None:
    table = verdict_table(
        [
            result(recovered(VALID, 3.04)),
            result(says(NOT_APPLICABLE), world="wire"),
            result(DEAD, client="realtime_py"),
            result(None, scenario="mute_app", client="realtime_py"),
        ]
    )
    assert table.splitlines()[0].split() == ["scenario", "world", "manager", "realtime_py"]
    assert [line.split() for line in table.splitlines()[2:]] == [
        ["outage", "sim", "valid", "3.0", "s", "invalid", "never"],
        ["wire", "n/a"],
        ["mute_app", "sim", "unknown"],
    ]


def test_the_worst_seed_decides_and_is_counted() -> None:
    seeds = [result(SOUND, seed=seed) for seed in range(19)]
    assert "invalid 1/20  never" in verdict_table([*seeds, result(DEAD, seed=19)])
    assert "unknown 1/20" in verdict_table([*seeds, result(None, seed=19)])
    assert "valid 19/19  3.0 s" in verdict_table(seeds)


def test_a_slow_recovery_is_a_number_and_not_never() -> None:
    assert "invalid  61.0 s" in verdict_table([result(recovered(INVALID, 61.0))])


def test_never_is_said_of_the_invalid_only() -> None:
    assert "never" not in verdict_table([result(recovered(UNKNOWN, None))])


def test_clients_that_do_not_fit_are_continued_below() -> None:
    results = [result(SOUND, client=f"client_{number}") for number in range(12)]
    table = verdict_table(results, width=80)
    assert max(map(len, table.splitlines())) <= 80
    assert all(f"client_{number}" in table for number in range(12))


def test_a_long_name_is_cut_and_does_not_break_the_table() -> None:
    table = verdict_table([result(SOUND, client="my.package.module:" + "x" * 90)], width=80)
    assert max(map(len, table.splitlines())) <= 80


def test_colour_changes_nothing_but_the_colour() -> None:
    results = [result(SOUND), result(DEAD, client="other"), result(None, scenario="reset")]
    coloured = verdict_table(results, colour=True)
    assert coloured != verdict_table(results)
    assert ANSI.sub("", coloured) == verdict_table(results)


def test_no_results_are_said_to_be_none() -> None:
    assert verdict_table([]) == "no cell was planned"


@given(hostile_text)
def test_a_hostile_name_adds_no_line_and_no_escape(text: str) -> None:
    table = verdict_table([Result(cell(text, text, text), SOUND)])
    assert len(table.splitlines()) == 3
    assert "\x1b" not in table
