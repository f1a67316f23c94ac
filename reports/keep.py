"""Writes a run's report into its own folder, for people and for whatever reads it next."""

from __future__ import annotations

from pathlib import Path

from reports import render_json, render_markdown
from reports.load import load
from reports.report import Report, report
from reports.slo import DEFAULT, read_slo


def keep_report(folder: Path) -> Report:
    """Hold a run to the default objectives; write `report.md` and `report.json` beside `run.json`.

    Raises `BadRun`, and `OSError` where the folder cannot be written.
    """
    made = report(load([folder]), read_slo(DEFAULT))
    (folder / "report.md").write_text(render_markdown.render(made), encoding="utf-8")
    (folder / "report.json").write_text(render_json.render(made), encoding="utf-8")
    return made
