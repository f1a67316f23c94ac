"""JUnit XML that every reader parses, whatever the evidence quotes."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given

from harness.store import Result
from reports import render_junit
from reports.gate import decide
from reports.model import Row
from reports.report import Report
from reports.slo import parse_slo
from tests.reports.folders import SOUND, cell
from tests.reports.hostile import hostile_report, hostile_text


def parsed(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(render_junit.render(report).encode())


@given(hostile_text)
def test_hostile_evidence_changes_no_structure(text: str) -> None:
    tame, wild = parsed(hostile_report("tame")), parsed(hostile_report(text))
    assert [element.tag for element in wild.iter()] == [element.tag for element in tame.iter()]
    assert wild.attrib == tame.attrib


def test_markup_in_evidence_is_shown_and_not_obeyed() -> None:
    failure = parsed(hostile_report("a ]]> <b> &amp; \x00 \ud800 z")).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "delivery: a ]]> <b> &amp; \ufffd \ufffd z"


def test_each_objective_is_one_case_and_no_data_is_an_error() -> None:
    root = parsed(hostile_report("text"))
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {
        "slo.outage.verdict": ["failure"],
        "slo.outage.lost": ["failure"],
        "slo.mute_app.verdict": ["error"],
        "slo.mute_app.lost": ["error"],
    }
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "2")
    assert {case.get("classname") for case in root.iter("testcase")} == {"manager"}


def test_what_holds_is_a_bare_case_and_what_was_left_out_is_skipped() -> None:
    rows = (Row(Result(cell(), SOUND), gates=True),)
    tables = {"outage": {"verdict": "valid"}, "reset": {"verdict": "valid"}}
    decision = decide(rows, parse_slo({"objective": tables, "partial": True}))
    root = parsed(Report((), rows, (), decision))
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {"slo.outage.verdict": [], "slo.reset.verdict": ["skipped"]}
