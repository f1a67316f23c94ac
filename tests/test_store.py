"""The run folder: whole files or none, and nothing missing counts as valid."""

import json
from pathlib import Path

import pytest

from harness.history import Header, Op
from harness.store import BadRun, Cell, ClientInfo, RunInfo, Store, find_runs
from harness.verdict import Judgement, Outcome, Sli, Verdict

CELL = Cell("outage", "manager", "sim", 1)
OTHER = Cell("outage", "manager", "sim", 2)
INFO = RunInfo(
    clients=(ClientInfo(name="manager", version="0.1.0", gates=True),),
    worlds=("sim",),
    seeds=(1, 2),
    planned=(CELL, OTHER),
    started_at="2026-01-01T00:00:00+00:00",
)
JUDGEMENT = Judgement(
    {
        "recovery": Verdict(
            Outcome.VALID,
            "back in 2 s",
            {"worst": "client-0"},
            {"recovery_s": Sli(value=2, unit="s")},
        ),
        "storm": Verdict(Outcome.NOT_APPLICABLE, "one client"),
    }
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "run")
    made.write_run(INFO)
    return made


def test_a_plan_reads_back(store: Store) -> None:
    assert store.read_run() == INFO


def test_a_judgement_reads_back_with_its_numbers(store: Store) -> None:
    store.write_judgement(CELL, JUDGEMENT, "pytest x")
    result = store.read_result(CELL)
    assert result.judgement == JUDGEMENT
    assert (result.outcome, result.replay) == (Outcome.VALID, "pytest x")


def test_a_planned_cell_without_a_verdict_is_unknown(store: Store) -> None:
    """A run that was killed half way must not look better than one that failed."""
    store.write_judgement(CELL, JUDGEMENT)
    assert [result.outcome for result in store.results()] == [Outcome.VALID, Outcome.UNKNOWN]


def test_a_verdict_disappears_when_its_storm_runs_again(store: Store) -> None:
    store.write_judgement(CELL, JUDGEMENT)
    header = Header(scenario="outage", client="manager", world="sim", seed=1)
    writer = store.open_history(CELL, header)
    writer.append(Op(process="run", type="info", f="phase", value={"phase": "steady"}))
    writer.close()
    assert store.read_result(CELL).outcome is Outcome.UNKNOWN
    assert store.read_history(CELL).ops[0].f == "phase"


def test_no_half_file_is_left(store: Store) -> None:
    store.write_judgement(CELL, JUDGEMENT)
    names = sorted(path.name for path in (store.folder / CELL.path).iterdir())
    assert names == ["slis.json", "verdict.json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema":"other/1"}'])
def test_a_damaged_file_is_named(store: Store, damage: str) -> None:
    store.write_judgement(CELL, JUDGEMENT)
    path = store.folder / CELL.path / "verdict.json"
    path.write_text(damage)
    with pytest.raises(BadRun, match=r"verdict\.json"):
        store.read_result(CELL)


def test_a_verdict_that_no_version_knows_is_refused(store: Store) -> None:
    store.write_judgement(CELL, JUDGEMENT)
    path = store.folder / CELL.path / "verdict.json"
    fields = json.loads(path.read_text())
    fields["checkers"]["recovery"]["verdict"] = "splendid"
    path.write_text(json.dumps(fields))
    with pytest.raises(BadRun, match="splendid"):
        store.read_result(CELL)


@pytest.mark.parametrize("name", ["..", "a/b", "", "-x", "a b", "a\n"])
def test_a_name_that_could_leave_the_folder_is_refused(store: Store, name: str) -> None:
    with pytest.raises(BadRun, match="cannot name a folder"):
        store.write_judgement(Cell(name, "manager", "sim", 1), JUDGEMENT)


def test_runs_are_found_at_and_one_below_a_folder(store: Store, tmp_path: Path) -> None:
    assert [one.folder for one in find_runs([store.folder])] == [store.folder]
    assert [one.folder for one in find_runs([tmp_path])] == [store.folder]
    with pytest.raises(BadRun, match=r"no run\.json"):
        find_runs([tmp_path / "elsewhere"])


def test_hostile_text_does_not_stop_a_verdict_from_being_kept(store: Store) -> None:
    """A lone surrogate cannot be encoded, and must not cost the run its verdict."""
    reason = 'a \udc80 b \x00 "quoted" ]]>'
    store.write_judgement(CELL, Judgement({"any": Verdict(Outcome.INVALID, reason)}))
    judgement = store.read_result(CELL).judgement
    assert judgement is not None
    assert judgement.checkers["any"].reason == reason
