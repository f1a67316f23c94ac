"""What a report says of its runs, in every form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.store import Store
from reports import render_markdown, render_text
from reports.load import load
from reports.report import Report, report
from reports.slo import parse_slo
from tests.reports.folders import SOUND, cell, make_run


def reported(folder: Path, toxiproxy: str | None) -> Report:
    make_run(folder, {cell(world="wire"): SOUND})
    store = Store(folder)
    info = store.read_run()
    if toxiproxy:
        store.write_run(replace(info, versions={**info.versions, "toxiproxy": toxiproxy}))
    return report(load([folder]), parse_slo({"objective": {"*": {"verdict": "valid"}}}))


@pytest.mark.parametrize("render", [render_text.show, render_markdown.render])
def test_a_report_says_behind_which_toxiproxy_it_was(render: object, tmp_path: Path) -> None:
    assert callable(render)
    with_one = render(reported(tmp_path / "wire", "toxiproxy-server 2.12.0"))
    assert "toxiproxy-server 2.12.0" in with_one
    assert "oxiproxy" not in render(reported(tmp_path / "sim", None))
