"""Reports whose every free text is hostile, as evidence that quotes a server can be."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.store import Result
from harness.verdict import Judgement, Sli, Verdict
from reports.gate import decide
from reports.model import Row, group
from reports.report import Report
from reports.slo import parse_slo
from tests.reports.folders import INVALID, cell

FRAGMENTS = (
    "]]>", "<![CDATA[", "<script>", "</details>", "</code>", "&amp;", "&#60;", "|", "`", "```",
    "\n", "\r\n", "\n\n", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ud800", "\uffff",
    "**", "__", "[a](b)", "![a](b)", "@everyone", "#1", "https://x.example", "www.x.example",
    "<!--", "\\|", "\\", "~~", "$x$", ":tada:", "word",
)  # fmt: skip

hostile_text = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.lists(st.sampled_from(FRAGMENTS)).map("".join),
)


def hostile_report(text: str) -> Report:
    """A broken and an undecided objective, and the text wherever a run folder lets one in."""
    slis = {"lost": Sli(value=3, unit=text), text: Sli(value=None, unit=text)}
    judgement = Judgement({"delivery": Verdict(INVALID, text, {"quoted": text}, slis)})
    rows = (
        Row(Result(cell(), judgement, text), gates=True, run=text),
        Row(Result(cell("mute_app"), None), gates=True, run=text),
    )
    slo = parse_slo({"objective": {"*": {"verdict": "valid", "lost": {"max": 0}}}})
    return Report((), rows, tuple(group(rows)), decide(rows, slo))
