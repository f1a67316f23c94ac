"""What a person reads in a terminal: evidence in words, bounded, with a line to paste."""

from __future__ import annotations

from hypothesis import given

from harness.store import Result
from harness.verdict import Judgement
from reports import render_text
from reports.gate import decide
from reports.model import Row, group
from reports.report import Report
from reports.slo import parse_slo
from tests.reports.folders import DEAD, INVALID, SOUND, cell, says
from tests.reports.hostile import hostile_report, hostile_text

REPLAY = "pytest 'scenarios/test_outage.py::test_it' --world sim --seed 7 " + "--option " * 20


def many(judgement: Judgement | None, number: int, replay: str = "") -> Report:
    rows = tuple(
        Row(Result(cell(f"storm_{index}"), judgement, replay), gates=True)
        for index in range(number)
    )
    slo = parse_slo({"objective": {"*": {"verdict": "valid"}}})
    return Report((), rows, tuple(group(rows)), decide(rows, slo))


def test_words_keep_to_the_width_and_the_replay_line_stays_whole() -> None:
    report = many(says(INVALID, "lost " * 100), 3, REPLAY)
    for text in (render_text.show(report, width=80), render_text.gate(report, width=80)):
        lines = text.splitlines()
        assert f"  replay: {REPLAY.strip()}" in lines
        others = [line for line in lines if "replay:" not in line and not line.startswith("gate")]
        assert max(map(len, others)) <= 80


def test_what_is_valid_needs_no_words() -> None:
    assert render_text.findings(many(SOUND, 3).groups) == []


def test_the_invalid_is_told_before_the_unknown() -> None:
    rows = [Row(Result(cell("reset"), None)), Row(Result(cell("outage"), DEAD))]
    first, second = render_text.findings(group(rows))
    assert first.startswith("invalid  outage")
    assert second.startswith("unknown  reset")


def test_more_findings_than_a_person_reads_are_counted() -> None:
    report = many(DEAD, render_text.FINDINGS_MAX + 7)
    assert "… and 7 more" in render_text.show(report)
    assert "… and 7 more" in render_text.gate(report)


def test_the_gates_last_line_is_one_sentence() -> None:
    last = render_text.gate(many(DEAD, 2)).splitlines()[-1]
    assert last == render_text.sentence(many(DEAD, 2).decision)


@given(hostile_text)
def test_hostile_evidence_sends_nothing_to_the_terminal(text: str) -> None:
    report = hostile_report(text)
    for rendered in (render_text.show(report), render_text.gate(report)):
        assert not [character for character in rendered if character < " " and character != "\n"]
        rendered.encode()
