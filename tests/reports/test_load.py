"""A run folder that was damaged is named; nothing in it is believed by half."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.store import BadRun
from reports.load import load
from tests.reports.folders import SOUND, cell, make_run

VERDICT, SLIS, RUN = (
    "outage/manager/sim/1/verdict.json",
    "outage/manager/sim/1/slis.json",
    "run.json",
)


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def first(document: dict[str, Any], key: str) -> Any:
    return document[key][0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (RUN, lambda run: run.update(schema="squall.run/9")),
        (RUN, lambda run: run.update(started_at=5)),
        (RUN, lambda run: run.update(clients=[])),
        (RUN, lambda run: run.update(planned=None)),
        (RUN, lambda run: run.update(versions=["1"])),
        (RUN, lambda run: run.update(versions={"squall": 1})),
        (RUN, lambda run: first(run, "clients").update(gates="no")),
        (RUN, lambda run: first(run, "clients").update(version=None)),
        (RUN, lambda run: first(run, "planned").update(seed="../../..")),
        (RUN, lambda run: first(run, "planned").update(seed=True)),
        (RUN, lambda run: first(run, "planned").update(scenario="../..")),
        (RUN, lambda run: first(run, "planned").update(world=None)),
        (VERDICT, lambda verdict: verdict.update(checkers=[])),
        (VERDICT, lambda verdict: verdict.update(checkers={})),
        (VERDICT, lambda verdict: verdict.update(replay=5)),
        (VERDICT, lambda verdict: verdict["checkers"]["recovery"].update(verdict="fine")),
        (VERDICT, lambda verdict: verdict["checkers"]["recovery"].update(reason=None)),
        (VERDICT, lambda verdict: verdict["checkers"]["recovery"].update(evidence=[])),
        (VERDICT, lambda verdict: verdict["checkers"]["recovery"].update(slis=["lost"])),
        (SLIS, lambda slis: slis.pop("slis")),
        (SLIS, lambda slis: slis["slis"]["recovery_s"].update(value="3")),
        (SLIS, lambda slis: slis["slis"]["recovery_s"].update(value=True)),
        (SLIS, lambda slis: slis["slis"]["recovery_s"].update(unit=3)),
    ],
)
def test_a_file_that_does_not_say_what_it_must_is_named(
    tmp_path: Path, name: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    run = make_run(tmp_path / "run", {cell(): SOUND})
    edit(run / name, change)
    with pytest.raises(BadRun):
        load([run])


@pytest.mark.parametrize("name", [RUN, VERDICT, SLIS])
@pytest.mark.parametrize("junk", [b"", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_junk_in_place_of_a_file_is_named(tmp_path: Path, name: str, junk: bytes) -> None:
    run = make_run(tmp_path / "run", {cell(): SOUND})
    (run / name).write_bytes(junk)
    with pytest.raises(BadRun, match=r"run\.json|verdict\.json|slis\.json"):
        load([run])


def test_numbers_that_are_gone_are_not_taken_for_unmeasured(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {cell(): SOUND})
    (run / SLIS).unlink()
    with pytest.raises(BadRun, match=r"slis\.json"):
        load([run])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_not_finite_never_came_to_be(tmp_path: Path, value: str) -> None:
    """NaN compares as false with every bound, so it must not reach one."""
    run = make_run(tmp_path / "run", {cell(): SOUND})
    path = run / SLIS
    path.write_text(path.read_text().replace("3.0", value))
    (row,) = load([run])[0].rows
    assert row.slis["recovery_s"].value is None
