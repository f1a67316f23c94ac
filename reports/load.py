"""Reads run folders into rows; whatever in them cannot be relied on is a `BadRun` that names it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.store import BadRun, Cell, Result, RunInfo, Store, find_runs
from harness.verdict import Judgement, Sli, Verdict
from reports.model import Row


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder, read."""

    folder: str
    info: RunInfo
    rows: tuple[Row, ...]

    @property
    def toxiproxy(self) -> str | None:
        """The Toxiproxy that its clients were behind, and its version, if there was one."""
        return self.info.versions.get("toxiproxy")


def load(folders: Iterable[Path]) -> list[Run]:
    """Read the runs at or directly below the folders. Raises `BadRun`."""
    return [load_run(store) for store in find_runs(folders)]


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """Every planned cell of the runs, in order."""
    return [row for run in runs for row in run.rows]


def load_run(store: Store) -> Run:
    """Read one run. Raises `BadRun`."""
    info = _info(store)
    gating = {client.name for client in info.clients if client.gates}
    folder = str(store.folder)
    rows = (Row(_result(store, cell), cell.client in gating, folder) for cell in info.planned)
    return Run(folder, info, tuple(rows))


def _info(store: Store) -> RunInfo:
    path = store.folder / "run.json"
    try:
        info = store.read_run()
    except RecursionError:
        raise BadRun(f"{path}: nested too deep") from None
    _demand(path, info.started_at, str, "started_at")
    _demand(path, info.versions, dict, "versions")
    for name, version in info.versions.items():
        _demand(path, version, str, f"the version of {name!r}")
    for client in info.clients:
        _demand(path, client.name, str, "the name of a client")
        _demand(path, client.version, str, f"the version of client {client.name!r}")
        _demand(path, client.gates, bool, f"gates of client {client.name!r}")
    known = {client.name for client in info.clients}
    for cell in info.planned:
        _check_cell(path, cell, known)
    return info


def _check_cell(path: Path, cell: Cell, clients: set[str]) -> None:
    for name in (cell.scenario, cell.client, cell.world):
        _demand(path, name, str, "a name in a planned cell")
    if not isinstance(cell.seed, int) or isinstance(cell.seed, bool):
        raise BadRun(f"{path}: seed {cell.seed!r} of a planned cell is not a whole number")
    if cell.client not in clients:
        raise BadRun(f"{path}: a cell is planned for client {cell.client!r}, which is not listed")


def _result(store: Store, cell: Cell) -> Result:
    path = store.folder / cell.path / "verdict.json"
    try:
        result = store.read_result(cell)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise BadRun(f"{path}: {error!r}") from None
    if result.judgement is None:
        return result
    _demand(path, result.replay, str, "replay")
    checkers = dict(_verdicts(path, result.judgement))
    if not checkers:
        raise BadRun(f"{path}: no checker judged; a verdict needs one")
    return replace(result, judgement=Judgement(checkers))


def _verdicts(path: Path, judgement: Judgement) -> Iterator[tuple[str, Verdict]]:
    for name, verdict in judgement.checkers.items():
        _demand(path, verdict.reason, str, f"the reason of checker {name!r}")
        _demand(path, verdict.evidence, dict, f"the evidence of checker {name!r}")
        slis = {sli: _number(path, sli, one) for sli, one in verdict.slis.items()}
        yield name, replace(verdict, slis=slis)


def _number(path: Path, name: str, sli: Sli) -> Sli:
    """The measurement; what is not a finite number never came to be."""
    path = path.with_name("slis.json")
    _demand(path, sli.unit, str, f"the unit of {name!r}")
    if sli.value is None:
        return sli
    if isinstance(sli.value, bool) or not isinstance(sli.value, int | float):
        raise BadRun(f"{path}: {name!r} is {sli.value!r}, which is neither a number nor null")
    return sli if math.isfinite(sli.value) else replace(sli, value=None)


def _demand(path: Path, value: Any, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise BadRun(f"{path}: {what} is {value!r}, which is no {kind.__name__}")
