"""The published schemas describe what is written, and refuse what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from reports import render_json
from reports.load import load
from reports.report import report
from reports.slo import DEFAULT, read_slo
from tests.reports.folders import DEAD, SOUND, cell, make_run
from tests.reports.hostile import hostile_report

SCHEMAS = Path(reports.__file__).parent / "schema"


def check(document: Any, name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)


def a_report(tmp_path: Path) -> dict[str, Any]:
    before = make_run(tmp_path / "before", {cell(): SOUND, cell("reset"): SOUND})
    cells = {cell(): DEAD, cell(seed=2): SOUND, cell("mute_app"): None}
    after = make_run(tmp_path / "after", cells)
    made = report(load([after]), read_slo(DEFAULT), load([before]))
    document: dict[str, Any] = json.loads(render_json.render(made))
    return document


def test_a_report_with_all_its_parts_keeps_to_the_schema(tmp_path: Path) -> None:
    document = a_report(tmp_path)
    assert document["gate"]["objectives"]
    assert document["changes"]
    check(document, "report-1")


@pytest.mark.parametrize("part", ["gate", "runs", "cells", "slis", "changes", "schema"])
def test_the_schema_notices_a_missing_part(tmp_path: Path, part: str) -> None:
    document = a_report(tmp_path)
    del document[part]
    with pytest.raises(jsonschema.ValidationError):
        check(document, "report-1")


def test_numbers_have_the_shape_of_supabases_own_check(tmp_path: Path) -> None:
    slis = a_report(tmp_path)["slis"]
    assert slis["outage / manager / sim"] == {"recovery_s": {"value": None, "unit": "s"}}


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("run.json", "run-1"),
        ("outage/manager/sim/1/verdict.json", "verdict-1"),
        ("outage/manager/sim/1/slis.json", "slis-1"),
    ],
)
def test_what_the_store_writes_keeps_to_the_schemas(tmp_path: Path, file: str, schema: str) -> None:
    run = make_run(tmp_path / "run", {cell(): SOUND})
    document = json.loads((run / file).read_text(encoding="utf-8"))
    check(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        check({**document, "schema": "squall.other/1"}, schema)


@given(st.text())
def test_hostile_text_stays_json_in_ascii(text: str) -> None:
    rendered = render_json.render(hostile_report(text))
    assert rendered.isascii()
    check(json.loads(rendered), "report-1")
