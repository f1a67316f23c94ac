"""A recorded history is judged by today's checkers; what cannot be judged fairly is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.history import Header, History, Op
from harness.store import BadRun, Cell, Store
from harness.verdict import Judgement, Verdict
from reports.__main__ import main
from reports.gate import Exit
from reports.rejudge import rejudge, write
from tests.reports.folders import INVALID, SOUND, UNKNOWN, VALID, cell, make_run

OPEN = Op(process="client-0", type="invoke", f="open")
END = Op(process="run", type="info", f="phase", value={"phase": "end"})


def strict(history: History) -> Judgement:
    """A newer checker, which this history does not satisfy."""
    return Judgement({"delivery": Verdict(INVALID, f"{len(history.ops)} ops are too few")})


def recorded(
    tmp_path: Path, judgement: Judgement | None, *ops: Op, names: Cell | None = None
) -> Store:
    store = Store(make_run(tmp_path / "run", {cell(): None}))
    one = names or cell()
    header = Header(scenario=one.scenario, client=one.client, world=one.world, seed=one.seed)
    writer = store.open_history(cell(), header)
    for op in ops:
        writer.append(op)
    writer.close()
    if judgement:
        store.write_judgement(cell(), judgement, "pytest it")
    return store


def test_a_newer_checkers_verdict_replaces_the_old_and_keeps_the_replay_line(
    tmp_path: Path,
) -> None:
    store = recorded(tmp_path, Judgement({"delivery": Verdict(VALID, "fine")}), OPEN, END)
    write(store, rejudge(store, strict))
    result = store.read_result(cell())
    assert (result.outcome, result.replay) == (INVALID, "pytest it")


def test_a_scenarios_own_checker_keeps_its_verdict(tmp_path: Path) -> None:
    store = recorded(tmp_path, Judgement({"mine": Verdict(UNKNOWN, "?")}), OPEN, END)
    (one,) = rejudge(store, strict)
    assert one.after is not None
    assert list(one.after.checkers) == ["mine", "delivery"]


def test_nothing_is_written_while_deciding(tmp_path: Path) -> None:
    store = recorded(tmp_path, SOUND, OPEN, END)
    rejudge(store, strict)
    assert store.read_result(cell()).outcome is VALID


def test_a_story_that_was_cut_short_is_not_taken_for_a_client_that_fell_silent(
    tmp_path: Path,
) -> None:
    store = recorded(tmp_path, None)
    (one,) = rejudge(store, strict)
    assert (one.after, one.why_not) == (None, "the run ended before its story did")


def test_a_load_tests_history_is_not_judged_as_a_storm(tmp_path: Path) -> None:
    """It holds no client's calls; a storm's checkers would call every load test unknown."""
    store = recorded(tmp_path, Judgement({"delivery": Verdict(VALID, "fine")}), END)
    (one,) = rejudge(store, strict)
    assert (one.after, one.why_not) == (
        None,
        "no client process took part: not a storm's history",
    )


def test_a_cell_whose_run_broke_stays_unknown(tmp_path: Path) -> None:
    store = recorded(tmp_path, Judgement({"run": Verdict(UNKNOWN, "the run hung")}), OPEN, END)
    (one,) = rejudge(store, strict)
    assert (one.after, one.why_not) == (None, "the run hung")


def test_a_verdict_that_was_never_reached_is_reached_now(tmp_path: Path) -> None:
    """A run that was killed between the end of a story and its verdict loses nothing."""
    store = recorded(tmp_path, None, OPEN, END)
    write(store, rejudge(store, strict))
    assert store.read_result(cell()).outcome is INVALID


def test_a_history_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    store = recorded(tmp_path, SOUND, OPEN, END, names=cell("reset"))
    with pytest.raises(BadRun, match="names another cell"):
        rejudge(store, strict)


@pytest.mark.parametrize(
    "line", ["junk", '{"process":"run","type":"info","f":"phase","value":"end"}', "[" * 100_000]
)
def test_a_damaged_history_is_named_and_no_verdict_is_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    store = recorded(tmp_path, SOUND, OPEN, END)
    with (store.folder / cell().path / "history.jsonl").open("a") as file:
        file.write(line + "\n")
    assert main(["judge", str(store.folder)]) == Exit.USAGE
    error = capsys.readouterr().err
    assert "history.jsonl" in error
    assert "internal error" not in error
    assert store.read_result(cell()).outcome is VALID


def test_the_command_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = recorded(tmp_path, Judgement({"delivery": Verdict(VALID, "fine")}), OPEN, END)
    assert main(["judge", str(store.folder)]) == Exit.HOLDS
    out = capsys.readouterr().out
    assert "valid → unknown  outage · manager · sim · seed 1" in out
    assert out.rstrip().endswith("1 of 1 cells judged again, 1 verdicts changed")
