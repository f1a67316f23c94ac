"""A report as JSON: the whole truth, by the schema in `reports/schema/report-1.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from harness.verdict import Sli
from reports.clean import one_line
from reports.diff import Change, NumberChange
from reports.gate import Exit, Held
from reports.load import Run
from reports.model import Group, Row
from reports.report import Report

SCHEMA = "squall.report/1"

_VERDICTS = {Exit.HOLDS: "holds", Exit.BROKEN: "broken", Exit.UNKNOWN: "unknown"}


def render(report: Report) -> str:
    """The document, in ASCII, so that no reader stumbles over what evidence may quote."""
    return json.dumps(document(report), indent=1, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The document as JSON values."""
    decision = report.decision
    return {
        "schema": SCHEMA,
        "gate": {
            "verdict": _VERDICTS[decision.exit],
            "exit_code": int(decision.exit),
            "reason": one_line(decision.reason),
            "objectives": [_objective(one) for one in decision.objectives],
        },
        "runs": [_run(run) for run in report.runs],
        "cells": [_cell(row) for row in report.rows],
        "slis": _slis_by_group(report.groups),
        "changes": None if report.changes is None else [_change(one) for one in report.changes],
    }


def _objective(one: Held) -> dict[str, Any]:
    cell = one.row.result.cell if one.row else None
    return {
        "scenario": one.scenario,
        "client": one.client,
        "name": one.name,
        "limit": one.limit,
        "status": one.status,
        "reason": one_line(one.reason),
        "measured": _number(one.measured),
        "unit": one.unit,
        "world": cell.world if cell else None,
        "seed": cell.seed if cell else None,
        "replay": one_line(one.row.result.replay) if one.row else "",
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "folder": run.folder,
        "started_at": run.info.started_at,
        "clients": [
            {"name": one.name, "version": one.version, "gates": one.gates}
            for one in run.info.clients
        ],
        "planned": len(run.rows),
        "judged": sum(row.result.judgement is not None for row in run.rows),
        "versions": dict(run.info.versions),
    }


def _cell(row: Row) -> dict[str, Any]:
    cell = row.result.cell
    return {
        "scenario": cell.scenario,
        "client": cell.client,
        "world": cell.world,
        "seed": cell.seed,
        "gates": row.gates,
        "verdict": row.result.outcome,
        "reason": one_line(row.reason),
        "replay": one_line(row.result.replay),
        "run": row.run,
        "slis": _slis(row.slis),
    }


def _slis_by_group(groups: Iterable[Group]) -> dict[str, Any]:
    """In the shape of Supabase's own `realtime-check --json` (`style.md` §2.9)."""
    return {" / ".join(one.key): _slis(one.slis) for one in groups if one.slis}


def _slis(slis: Mapping[str, Sli]) -> dict[str, Any]:
    return {name: {"value": _number(sli.value), "unit": sli.unit} for name, sli in slis.items()}


def _change(one: Change) -> dict[str, Any]:
    scenario, client, world = one.key
    return {
        "scenario": scenario,
        "client": client,
        "world": world,
        "before": one.before,
        "after": one.after,
        "regression": one.is_regression,
        "numbers": [_number_change(number) for number in one.numbers],
    }


def _number_change(one: NumberChange) -> dict[str, Any]:
    return {
        "name": one.name,
        "before": _number(one.before),
        "after": _number(one.after),
        "unit": one.unit,
        "direction": one.direction,
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
