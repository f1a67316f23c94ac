"""Facts about the run folder: it reads like any other, and is kept at every step."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from harness.store import Cell, Store
from harness.verdict import Outcome
from loadtests.report import FolderTaken, Report, Setup, folder_for
from loadtests.tally import Tally

CELL = Cell("load_steady", "manager", "wire", 7)
NOON = datetime(2030, 1, 2, 12, 0, 0, tzinfo=UTC)


def setup(run_s: float = 0.0) -> Setup:
    return Setup(world="wire", seed=7, users=2, run_s=run_s, replay="locust --rt-seed 7")


def report_in(folder: Path, run_s: float = 0.0) -> Report:
    seconds = count()
    return Report(folder, setup(run_s), lambda: float(next(seconds)))


def killed(folder: Path) -> None:
    """What a process leaves behind that was ended in the middle."""
    report_in(folder)._history.close()


def tally(**counts: int) -> Tally:
    tally = Tally()
    tally.counts.update(counts)
    for _ in range(counts.get("delivered", 0)):
        tally.time("delivery", 0.01)
    for _ in range(counts.get("joined", 0)):
        tally.time("join", 0.01)
    return tally


def test_a_finished_test_reads_back_with_verdict_numbers_and_replay(tmp_path: Path) -> None:
    report = report_in(tmp_path)
    done = tally(started=2, joined=2, sent=3, delivered=3, settled=1)
    report.take("alone", done.to_json())
    report.settling()
    report.finish(users=2)
    (result,) = Store(tmp_path).results()
    assert result.cell == CELL
    assert result.outcome == Outcome.VALID
    assert result.replay == "locust --rt-seed 7"
    assert result.judgement
    assert result.judgement.slis["delivered"].value == 3
    assert Store(tmp_path).read_run().clients[0].gates


def test_a_killed_test_is_unknown_and_planned(tmp_path: Path) -> None:
    killed(tmp_path)
    (result,) = Store(tmp_path).results()
    assert result.judgement is None
    assert result.outcome == Outcome.UNKNOWN


def test_a_process_that_reports_again_is_not_counted_twice(tmp_path: Path) -> None:
    report = report_in(tmp_path)
    report.take("worker", tally(joined=1, sent=5).to_json())
    report.take("worker", tally(joined=2, sent=9, delivered=9, settled=1).to_json())
    judgement = report.finish(users=2)
    assert judgement.slis["sent"].value == 9


def test_a_worker_that_vanished_leaves_the_verdict_unknown(tmp_path: Path) -> None:
    report = report_in(tmp_path)
    report.take("one", tally(joined=1, sent=5, delivered=5, settled=1).to_json())
    report.take("other", tally(joined=1, sent=5, delivered=5).to_json())
    judgement = report.finish(users=2)
    assert judgement.outcome == Outcome.UNKNOWN
    assert "1 of 2 processes" in judgement.reason


def test_the_history_tells_the_phases_and_everything_the_verdict_was_reached_by(
    tmp_path: Path,
) -> None:
    report = report_in(tmp_path, run_s=30)
    report.progress(2)
    done = tally(joined=2, sent=3, delivered=3, settled=1).to_json()
    report.take("alone", done)
    report.progress(2)
    report.settling()
    report.finish(users=2)
    history = Store(tmp_path).read_history(CELL)
    phases = [op.value["phase"] for op in history.where("phase")]
    assert phases == ["steady", "final", "end"]
    (measured,) = history.where("measured", process="load")
    assert measured.value["tally"] == done
    assert measured.value["users"] == 2
    assert measured.value["run_s"] == 30
    assert [op.value["joined"] for op in history.where("progress")] == [0, 2, 2]


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path: Path) -> None:
    killed(tmp_path)
    with pytest.raises(FolderTaken, match="name another"):
        folder_for(str(tmp_path), 1, NOON)


def test_each_test_of_one_process_has_a_folder_of_its_own(tmp_path: Path) -> None:
    killed(tmp_path / "load")
    assert folder_for(str(tmp_path / "load"), 2, NOON) == tmp_path / "load-2"


def test_without_a_wish_the_folder_is_named_after_the_time() -> None:
    assert folder_for(None, 1, NOON) == Path("runs/load-20300102T120000Z")
