"""The run folder: where a run's plan, histories, verdicts and numbers are kept.

    RUN/run.json                                        what was planned, by which versions
    RUN/scenario/client/world/seed/history.jsonl        every op, appended as it happens
    RUN/scenario/client/world/seed/schedule.json        the faults, as --schedule replays them
    RUN/scenario/client/world/seed/verdict.json         written once, when it is reached
    RUN/scenario/client/world/seed/slis.json            the numbers measured

Whole files appear atomically, so a run that was killed keeps what it had reached; a planned cell
without a verdict is *unknown*, never valid.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.history import Header, History, Op, header_line, op_line, read_history
from harness.verdict import Judgement, Outcome, Sli, Verdict

RUN_SCHEMA = "squall.run/1"
VERDICT_SCHEMA = "squall.verdict/1"
SLIS_SCHEMA = "squall.slis/1"

CELL_FILES = ("history.jsonl", "schedule.json", "verdict.json", "slis.json")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*\Z")


SURROGATES = "backslashreplace"
"""A lone surrogate becomes its JSON escape: hostile text cannot stop a run from being kept."""

OPS_MAX = 3_000_000
"""The longest history; a run that reaches it is out of hand, and ends."""


class HistoryFull(RuntimeError):
    """A history has reached its bound."""


class BadRun(ValueError):
    """A folder that is no run, or a file in it that does not read: names the file and the rule."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One storm: one scenario, stood by one client in one world with one seed."""

    scenario: str
    client: str
    world: str
    seed: int

    @property
    def path(self) -> Path:
        """Where the cell lives below the run folder."""
        return Path(self.scenario, self.client, self.world, str(self.seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInfo:
    """A client that took part. `gates` is false for one that was only compared."""

    name: str
    version: str
    gates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What `run.json` holds."""

    clients: tuple[ClientInfo, ...]
    worlds: tuple[str, ...]
    seeds: tuple[int, ...]
    planned: tuple[Cell, ...]
    started_at: str
    """UTC, ISO 8601."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of one planned cell; `judgement` is None when no verdict was reached."""

    cell: Cell
    judgement: Judgement | None
    replay: str = ""

    @property
    def outcome(self) -> Outcome:
        """The verdict; a missing one is unknown."""
        return self.judgement.outcome if self.judgement else Outcome.UNKNOWN


class Store:
    """One run folder, for writing and for reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_run(self, info: RunInfo) -> None:
        """Write the plan. Called before the first storm, so that what is missing can be counted.

        What an earlier run left for these cells is removed: a verdict of yesterday must not open
        today's gate. Raises `BadRun` for a folder that holds something, but no run.
        """
        self._clear(info.planned)
        _write_json(self.folder / "run.json", {"schema": RUN_SCHEMA, **asdict(info)})

    def read_run(self) -> RunInfo:
        """Read the plan back. Raises `BadRun`."""
        fields = _read_json(self.folder / "run.json", RUN_SCHEMA)
        try:
            return RunInfo(
                clients=tuple(ClientInfo(**client) for client in fields["clients"]),
                worlds=tuple(fields["worlds"]),
                seeds=tuple(fields["seeds"]),
                planned=tuple(Cell(**cell) for cell in fields["planned"]),
                started_at=fields["started_at"],
                versions=fields["versions"],
            )
        except (KeyError, TypeError) as error:
            raise BadRun(f"{self.folder / 'run.json'}: {error!r}") from None

    def open_history(self, cell: Cell, header: Header) -> HistoryWriter:
        """Begin the cell's history file; the caller closes it."""
        folder = self._folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "verdict.json").unlink(missing_ok=True)
        # Line by line, so that a run that is killed keeps what it had.
        file = (folder / "history.jsonl").open("w", 1, encoding="utf-8", errors=SURROGATES)
        return HistoryWriter(file, header)

    def schedule_of(self, cell: Cell) -> Path:
        """Where the faults of the cell's story are kept."""
        return self._folder(cell) / "schedule.json"

    def write_schedule(self, cell: Cell, text: str) -> None:
        """Keep the faults of the story: `harness.nemesis.schedules.dumps` makes the text."""
        path = self.schedule_of(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_text(path, text + "\n")

    def read_history(self, cell: Cell) -> History:
        """Read a cell's history. Raises `BadRun` (there is none) or `MalformedHistory`."""
        path = self._folder(cell) / "history.jsonl"
        try:
            with path.open(encoding="utf-8", newline="\n") as lines:
                return read_history(lines)
        except FileNotFoundError:
            raise BadRun(f"{path}: no history was recorded") from None

    def write_judgement(self, cell: Cell, judgement: Judgement, replay: str = "") -> None:
        """Write `slis.json`, then `verdict.json`: who sees the verdict can rely on the numbers."""
        folder = self._folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        slis = {name: asdict(sli) for name, sli in judgement.slis.items()}
        _write_json(folder / "slis.json", {"schema": SLIS_SCHEMA, "slis": slis})
        _write_json(folder / "verdict.json", _verdict_fields(cell, judgement, replay))

    def results(self) -> Iterator[Result]:
        """What became of each planned cell, in the order of the plan. Raises `BadRun`."""
        for cell in self.read_run().planned:
            yield self.read_result(cell)

    def read_result(self, cell: Cell) -> Result:
        """What became of one cell. Raises `BadRun` for a file that does not read."""
        path = self._folder(cell) / "verdict.json"
        if not path.exists():
            return Result(cell, None)
        fields = _read_json(path, VERDICT_SCHEMA)
        measured = _read_json(path.with_name("slis.json"), SLIS_SCHEMA)
        try:
            slis = measured["slis"]
            checkers = {
                name: Verdict(
                    Outcome(one["verdict"]),
                    one["reason"],
                    one["evidence"],
                    {sli: Sli(**slis[sli]) for sli in one["slis"]},
                )
                for name, one in fields["checkers"].items()
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadRun(f"{path}: {error!r}") from None
        return Result(cell, Judgement(checkers), fields.get("replay", ""))

    def _clear(self, planned: Iterable[Cell]) -> None:
        folder = self.folder
        if folder.exists() and any(folder.iterdir()) and not (folder / "run.json").exists():
            raise BadRun(f"{folder}: holds files, but no run: name a new folder, or an old run's")
        with suppress(BadRun):
            planned = (*self.read_run().planned, *planned)
        for cell in planned:
            for name in CELL_FILES:
                (self._folder(cell) / name).unlink(missing_ok=True)
        (folder / "run.json").unlink(missing_ok=True)

    def _folder(self, cell: Cell) -> Path:
        for part in (cell.scenario, cell.client, cell.world, str(cell.seed)):
            if not _NAME.match(part):
                raise BadRun(f"{part!r} cannot name a folder: use letters, digits, and _ . : -")
        return self.folder / cell.path


class HistoryWriter:
    """Appends ops to a history file as they happen, and keeps them for the checkers."""

    def __init__(self, file: IO[str] | None, header: Header) -> None:
        self._file = file
        self._header = header
        self._ops: list[Op] = []
        if file:
            file.write(header_line(header))

    def append(self, op: Op) -> None:
        """Record one op. Raises `HistoryFull` at the bound."""
        if len(self._ops) >= OPS_MAX:
            raise HistoryFull(f"the history is full: {OPS_MAX} ops, the last by {op.process}")
        self._ops.append(op)
        if self._file:
            self._file.write(op_line(op))

    def history(self) -> History:
        """All that was recorded so far."""
        return History(self._header, tuple(self._ops))

    def close(self) -> None:
        """Flush and close the file."""
        if self._file:
            self._file.close()


def _verdict_fields(cell: Cell, judgement: Judgement, replay: str) -> dict[str, Any]:
    checkers = {
        name: {
            "verdict": verdict.outcome,
            "reason": verdict.reason,
            "evidence": dict(verdict.evidence),
            "slis": sorted(verdict.slis),
        }
        for name, verdict in judgement.checkers.items()
    }
    return {
        "schema": VERDICT_SCHEMA,
        **asdict(cell),
        "verdict": judgement.outcome,
        "reason": judgement.reason,
        "checkers": checkers,
        "replay": replay,
    }


def find_runs(folders: Iterable[Path]) -> list[Store]:
    """The runs at or directly below the given folders, oldest name first. Raises `BadRun`."""
    stores = []
    for folder in folders:
        below = sorted(path.parent for path in folder.glob("*/run.json"))
        found = [folder] if (folder / "run.json").exists() else below
        if not found:
            raise BadRun(
                f"{folder}: no run.json here or one folder below; is this a --report folder?"
            )
        stores += [Store(path) for path in found]
    return stores


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, "utf-8", SURROGATES)
    os.replace(temporary, path)


def _read_json(path: Path, schema: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRun(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BadRun(f"{path}: not JSON ({error})") from None
    if not isinstance(value, dict) or value.get("schema") != schema:
        raise BadRun(f"{path}: schema is not {schema!r}, which this version reads")
    return value
