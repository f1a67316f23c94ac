"""The gate as JUnit XML: one test case for each objective, its client as the class name.

A broken objective is a `failure`. One without evidence is an `error`, not `skipped`: GitLab,
Jenkins, Buildkite and the GitHub actions show a skipped case as fine, and no data never is. One
that was left out of a partial run is `skipped`.
"""

from __future__ import annotations

from xml.etree import ElementTree

from reports.clean import one_line
from reports.gate import Held, Status
from reports.report import Report

_TAGS = {Status.BROKEN: "failure", Status.UNKNOWN: "error", Status.LEFT_OUT: "skipped"}


def render(report: Report) -> str:
    """The document; what XML 1.0 cannot hold has become U+FFFD."""
    objectives = report.decision.objectives
    counts = {
        "tests": str(len(objectives)),
        "failures": str(_count(objectives, Status.BROKEN)),
        "errors": str(_count(objectives, Status.UNKNOWN)),
        "skipped": str(_count(objectives, Status.LEFT_OUT)),
    }
    root = ElementTree.Element("testsuites", {"name": "squall", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "squall gate", **counts})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": one_line(value)})
    for one in objectives:
        _case(suite, one)
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _count(objectives: tuple[Held, ...], status: Status) -> int:
    return sum(one.status is status for one in objectives)


def _properties(report: Report) -> dict[str, str]:
    runs = {f"run.{number}": run.folder for number, run in enumerate(report.runs, 1)}
    decision = report.decision
    return {"exit_code": str(int(decision.exit)), "reason": decision.reason, **runs}


def _case(suite: ElementTree.Element, one: Held) -> None:
    name = one_line(f"slo.{one.scenario}.{one.name}")
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": one_line(one.client), "name": name, "time": "0"}
    )
    if tag := _TAGS.get(one.status):
        result = ElementTree.SubElement(case, tag, {"message": one_line(one.reason)})
        result.text = "\n".join(_evidence(one))


def _evidence(one: Held) -> list[str]:
    lines = [f"wanted: {one_line(one.limit)}", f"found: {one_line(one.reason)}"]
    if one.row:
        cell = one.row.result.cell
        lines.append(f"where: {one_line(str(cell.path))}")
        lines.append(f"replay: {one_line(one.row.result.replay) or 'not recorded'}")
    return lines
