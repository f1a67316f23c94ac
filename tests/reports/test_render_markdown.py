"""Markdown that shows what was quoted, obeys none of it, and fits where it is posted."""

from __future__ import annotations

import html
import re

from hypothesis import given

from harness.store import Result
from reports import render_markdown
from reports.clean import one_line
from reports.gate import decide
from reports.model import Row, group
from reports.render_markdown import BYTES_MAX, literal
from reports.report import Report
from reports.slo import parse_slo
from tests.reports.folders import INVALID, cell, says
from tests.reports.hostile import hostile_report, hostile_text

TAG = re.compile(r"<[^>]*>")


def big_report(scenarios: int) -> Report:
    rows = tuple(
        Row(Result(cell(f"storm_{number}"), says(INVALID, "lost " * 50)), gates=True)
        for number in range(scenarios)
    )
    slo = parse_slo({"objective": {"*": {"verdict": "valid"}}})
    return Report((), rows, tuple(group(rows)), decide(rows, slo))


@given(hostile_text)
def test_hostile_evidence_adds_no_line_no_cell_and_no_tag(text: str) -> None:
    tame = render_markdown.render(hostile_report("tame")).splitlines()
    wild = render_markdown.render(hostile_report(text)).splitlines()
    if one_line(text):  # Nothing quoted shows nothing: an empty replay line is left out.
        assert [line.count("|") for line in wild] == [line.count("|") for line in tame]
        assert [TAG.findall(line) for line in wild] == [TAG.findall(line) for line in tame]


@given(hostile_text)
def test_a_literal_holds_no_active_character_and_shows_the_text(text: str) -> None:
    shown = literal(text)
    assert not re.search(r"[<>|`*_\[\]()!@\\~$:\n\r]|&(?!#\d+;)|#(?!\d+;)|(?i:www)\.", shown)
    assert html.unescape(shown) == one_line(text)


def test_the_verdict_comes_first() -> None:
    lines = render_markdown.render(hostile_report("text")).splitlines()
    assert lines[0] == "## ❌ Squall: the gate fails"
    assert "2 of 4 objectives are broken" in html.unescape(lines[2])


def test_a_report_that_does_not_fit_is_cut_at_a_whole_line_and_says_so() -> None:
    rendered = render_markdown.render(big_report(1000))
    assert len(rendered.encode()) <= BYTES_MAX
    assert re.search(r"\*\*Cut here\*\*: \d+ more lines did not fit", rendered)
    assert rendered.count("<details>") == rendered.count("</details>")


def test_a_report_that_fits_is_not_cut() -> None:
    rendered = render_markdown.render(big_report(20))
    assert "Cut here" not in rendered
    assert rendered.count("<details>") == 20
