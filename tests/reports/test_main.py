"""The command as a deploy pipeline meets it: exit codes, one last sentence, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.store import Cell
from harness.verdict import Judgement
from reports.__main__ import main
from reports.gate import Exit
from tests.reports.folders import (
    DEAD,
    INVALID,
    NOT_APPLICABLE,
    SOUND,
    UNKNOWN,
    VALID,
    cell,
    make_run,
    recovered,
    says,
)


def gate(tmp_path: Path, cells: Mapping[Cell, Judgement | None], *options: str) -> int:
    return main(["gate", str(make_run(tmp_path / "run", cells)), *options])


def slo(tmp_path: Path, text: str) -> str:
    path = tmp_path / "slo.toml"
    path.write_text(text)
    return str(path)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.rstrip("\n").rpartition("\n")[2]


def test_a_sound_run_may_be_deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(tmp_path, {cell(): SOUND, cell(world="wire"): SOUND}) == Exit.HOLDS
    assert last_line(capsys) == "gate holds: all 2 objectives hold in 2 cells"


def test_a_dead_client_may_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(tmp_path, {cell(): SOUND, cell("mute_app"): DEAD}) == Exit.BROKEN
    line = last_line(capsys)
    assert line.startswith("gate fails: 2 of 4 objectives are broken: mute_app/verdict of manager")
    assert "never worked again" in line


def test_a_slow_client_is_broken_although_its_verdict_is_valid(tmp_path: Path) -> None:
    assert gate(tmp_path, {cell(): recovered(VALID, 45.0)}) == Exit.HOLDS
    assert gate(tmp_path, {cell(): recovered(VALID, 45.1)}) == Exit.BROKEN


def test_a_planned_cell_without_a_verdict_is_missing_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(tmp_path, {cell(): SOUND, cell("mute_app"): None}) == Exit.UNKNOWN
    assert "no verdict was reached" in last_line(capsys)


def test_a_broken_objective_outranks_a_missing_one(tmp_path: Path) -> None:
    assert gate(tmp_path, {cell(): None, cell("mute_app"): DEAD}) == Exit.BROKEN


def test_a_client_that_was_only_compared_is_not_gated(tmp_path: Path) -> None:
    cells = {cell(): SOUND, cell(client="realtime_py"): DEAD}
    run = make_run(tmp_path / "run", cells, compared=("realtime_py",))
    assert main(["gate", str(run)]) == Exit.HOLDS


@pytest.mark.parametrize(
    ("cells", "compared", "why"),
    [
        ({cell(): SOUND}, ("manager",), "nothing gates"),
        ({}, (), "nothing gates"),
        ({cell(): says(NOT_APPLICABLE)}, (), "nothing applies"),
    ],
)
def test_a_run_that_shows_nothing_never_passes(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    cells: Mapping[Cell, Judgement | None],
    compared: tuple[str, ...],
    why: str,
) -> None:
    run = make_run(tmp_path / "run", cells, compared=compared)
    assert main(["gate", str(run)]) == Exit.UNKNOWN
    assert last_line(capsys).startswith(f"gate cannot say: {why}")


def test_what_a_world_cannot_express_stays_out(tmp_path: Path) -> None:
    assert gate(tmp_path, {cell(): SOUND, cell(world="wire"): says(NOT_APPLICABLE)}) == Exit.HOLDS


def test_one_bad_seed_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds: dict[Cell, Judgement | None] = {cell(seed=seed): SOUND for seed in range(20)}
    assert gate(tmp_path, {**seeds, cell(seed=20): DEAD}) == Exit.BROKEN
    assert "sim, seed 20: recovery: dead" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("objective = [", "not TOML"),
        ("", "no objective is set"),
        (
            '[objective."*"]\nrecovery = { max = 1 }',
            "unknown SLI 'recovery'; known: changes_duplicated",
        ),
        ('[objective."*"]\nverdict = { recover = "valid" }', "unknown checker 'recover'; known:"),
        ('[objective.outag]\nverdict = "valid"', "unknown scenario 'outag'; known: outage"),
        ('[objective."*"]\nverdict = "good"', "verdict 'good' cannot be demanded"),
        ('[objective."*"]\nrecovery_s = 45', "is 45, which is no table"),
        ('[objective."*"]\nrecovery_s = { most = 45 }', "known: max, min"),
        ('[objective."*"]\nrecovery_s = { max = "45" }', "max = '45' is not a number"),
        ('[objective."*"]\nrecovery_s = { max = nan }', "max = nan is not a number"),
        ('[objective."*"]\nrecovery_s = { max = true }', "max = True is not a number"),
        ('[objective."*"]\nrecovery_s = { min = 2, max = 1 }', "nothing can hold"),
        ('[objective."*"]\nrecovery_s = {}', "sets no bound"),
        ('[objective."*"]\nverdict = {}', "cannot be demanded"),
        ("partial = 1", "partial = 1 is neither true nor false"),
        ("[objectives]", "unknown setting 'objectives'; known: objective, partial"),
    ],
)
def test_objectives_that_cannot_be_followed_are_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, named: str
) -> None:
    assert gate(tmp_path, {cell(): SOUND}, "--slo", slo(tmp_path, text)) == Exit.USAGE
    said = capsys.readouterr()
    assert named in said.err
    assert said.err.count("\n") == 1
    assert not said.out


@pytest.mark.parametrize("command", ["show", "gate", "judge"])
@pytest.mark.parametrize("folder", ["missing", "."])
def test_a_folder_that_is_no_run_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, folder: str
) -> None:
    assert main([command, str(tmp_path / folder)]) == Exit.USAGE
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "argv", [[], ["gate"], ["gaet", "x"], ["diff", "x"], ["gate", "x", "--jason", "y"]]
)
def test_a_wrong_command_line_is_a_usage_error_and_not_missing_evidence(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    """argparse would exit with 2, which a pipeline reads as missing evidence."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == Exit.USAGE
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(tmp_path, {cell(): SOUND}, "--json", str(tmp_path)) == Exit.USAGE
    assert f"cannot write {tmp_path}" in capsys.readouterr().err


def test_an_internal_error_is_not_a_broken_objective(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python exits with 1 for an uncaught exception, and 1 means that an objective is broken."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("reports.__main__.report", broken)
    assert gate(tmp_path, {cell(): SOUND}) == Exit.USAGE
    assert "internal error: ZeroDivisionError()" in capsys.readouterr().err


def test_a_verdict_that_became_invalid_is_broken_even_where_no_objective_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = make_run(tmp_path / "before", {cell(): says(VALID, lost=0)})
    text = '[objective."*"]\nlost = { max = 9 }\n'
    options = ("--slo", slo(tmp_path, text), "--baseline", str(before))
    assert gate(tmp_path, {cell(): says(INVALID, lost=5)}, *options) == Exit.BROKEN
    assert "valid in the baseline, invalid now in sim" in last_line(capsys)


def test_evidence_that_the_baseline_had_and_the_run_has_not_is_missing(tmp_path: Path) -> None:
    before = make_run(tmp_path / "before", {cell(): SOUND, cell(world="wire"): SOUND})
    assert gate(tmp_path, {cell(): SOUND}, "--baseline", str(before)) == Exit.UNKNOWN


def test_diff_says_which_way_a_number_went_and_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = make_run(tmp_path / "before", {cell(): recovered(VALID, 3.0), cell("mute_app"): SOUND})
    after = make_run(tmp_path / "after", {cell(): recovered(VALID, 9.0), cell("mute_app"): DEAD})
    assert main(["diff", str(after), "--baseline", str(before)]) == Exit.HOLDS
    out = capsys.readouterr().out
    assert "valid → invalid  mute_app · manager · sim" in out
    assert "recovery_s: 3 → 9 s, worse" in out
    assert out.rstrip().endswith("2 of 2 differ: 1 in their verdict, 1 from valid to invalid")


def test_show_prints_the_evidence_the_replay_line_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = {cell(): SOUND, cell(client="realtime_py"): DEAD, cell("mute_app"): None}
    run = make_run(tmp_path / "run", cells, compared=("realtime_py",))
    assert main(["show", str(run)]) == Exit.HOLDS
    out = capsys.readouterr().out
    assert "dead: 1 of 1 channel never worked again" in out
    assert "replay: pytest scenarios/test_outage.py --seed 1" in out
    assert "1 of 3 cells have no verdict yet" in out
    assert "compared: realtime_py 1.0" in out
    assert "\x1b" not in out, "colour is for terminals"


def test_several_runs_are_one_report(tmp_path: Path) -> None:
    make_run(tmp_path / "all" / "a", {cell(): SOUND})
    make_run(tmp_path / "all" / "b", {cell(world="wire"): DEAD})
    assert main(["gate", str(tmp_path / "all")]) == Exit.BROKEN


def test_every_format_tells_the_same_decision(tmp_path: Path) -> None:
    paths = {name: tmp_path / "out" / name for name in ("json", "junit", "markdown")}
    options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
    cells = {cell(): SOUND, cell("mute_app"): DEAD, cell("reset"): says(UNKNOWN)}
    assert gate(tmp_path, cells, *options) == Exit.BROKEN
    document = json.loads(paths["json"].read_text())
    assert document["gate"]["exit_code"] == 1
    statuses = [one["status"] for one in document["gate"]["objectives"]]
    root = ElementTree.fromstring(paths["junit"].read_text())
    assert root.get("failures") == str(statuses.count("broken")) == "2"
    assert root.get("errors") == str(statuses.count("unknown"))
    assert "the gate fails" in paths["markdown"].read_text().splitlines()[0]


def test_an_ascii_terminal_and_a_closed_pipe_do_not_change_the_exit_code(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {cell(): DEAD})
    command = f"{sys.executable} -m reports gate {run}"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    plain = subprocess.run(command.split(), env=environment, capture_output=True, check=False)
    assert (plain.returncode, plain.stderr) == (Exit.BROKEN, b"")
    piped = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        check=False,
    )
    assert (piped.returncode, piped.stderr) == (Exit.BROKEN, b"")
