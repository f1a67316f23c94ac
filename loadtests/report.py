"""A load test's run folder: one cell, `load_steady/manager`, that `reports` reads like any other.

The messages of a load test are too many to write down one by one, so its history holds sums. Its
ops, beside `phase` of process `run` (`steady` once all users have joined, `final` when sending has
ended, `end`):

* `load`, all `info`
  * `progress`: users, and every count so far (every few seconds)
  * `measured`: users, processes, run_s, ran_s, broken, tally: all that the verdict was reached by
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.history import Header, Op
from harness.store import Cell, ClientInfo, RunInfo, Store
from harness.verdict import Judgement
from loadtests.judgement import Asked, judge
from loadtests.tally import Tally, together

SCENARIO = "load_steady"
CLIENT = "manager"


class FolderTaken(ValueError):
    """The folder for the report holds another run already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is about to be run."""

    world: str
    """`wire` against the fake server on this machine, `live` against a host that was given."""
    seed: int
    users: int
    run_s: float
    """How long it is to take; 0 means until somebody stops it."""
    replay: str
    """One line that repeats it, without keys."""


class Report:
    """Collects what the processes report, and keeps it in the run folder as it comes in."""

    def __init__(self, folder: Path, setup: Setup, now_s: Callable[[], float]) -> None:
        self.folder = folder
        self._setup = setup
        self._now_s = now_s
        self._began_s = self._sent_until_s = now_s()
        self._tallies: dict[str, Tally] = {}
        self._steady = False
        self._cell = Cell(SCENARIO, CLIENT, setup.world, setup.seed)
        self._store = Store(folder)
        versions = _versions()
        self._store.write_run(_run_info(self._cell, versions))
        header = Header(
            scenario=SCENARIO,
            client=CLIENT,
            world=setup.world,
            seed=setup.seed,
            clients=max(1, setup.users),
            versions=versions,
        )
        self._history = self._store.open_history(self._cell, header)

    def take(self, process: str, fields: dict[str, Any]) -> None:
        """The tally of one process as it now stands; it replaces the one before.

        Raises `KeyError`, `TypeError` or `ValueError` for one that does not read.
        """
        self._tallies[process] = Tally.from_json(fields)

    def progress(self, users: int) -> None:
        """Write down how far it is; `users` is how many are asked for at this moment."""
        counts = together(self._tallies.values()).to_json()["counts"]
        if not self._steady and counts["joined"] >= users > 0:
            self._steady = True
            self._phase("steady")
        self._write("load", "progress", {"users": users, **counts})

    def finish(self, users: int, broken: str = "") -> Judgement:
        """Judge, and write the verdict; `broken` says what went wrong in the load test itself."""
        tally = together(self._tallies.values())
        asked = Asked(
            users=users,
            processes=max(1, len(self._tallies)),
            run_s=self._setup.run_s,
            ran_s=self._sent_until_s - self._began_s,
            broken=broken,
        )
        self.progress(users)
        self._phase("end")
        self._write("load", "measured", {**asdict(asked), "tally": tally.to_json()})
        self._history.close()
        judgement = judge(tally, asked)
        self._store.write_judgement(self._cell, judgement, self._setup.replay)
        return judgement

    def settling(self) -> None:
        """Sending has ended."""
        self._sent_until_s = self._now_s()
        self._phase("final")

    def _phase(self, phase: str) -> None:
        self._write("run", "phase", {"phase": phase})

    def _write(self, process: str, f: str, value: dict[str, Any]) -> None:
        op = Op(process=process, type="info", f=f, value=value)
        self._history.append(replace(op, time_s=self._now_s() - self._began_s))


def folder_for(said: str | None, number: int, now: datetime) -> Path:
    """Where test `number` (from 1) of this process reports. Raises `FolderTaken`.

    Without a wish it is `runs/load-<time>`. A second test of one process, from Locust's web page,
    gets a folder of its own.
    """
    folder = Path(said or f"runs/load-{now:%Y%m%dT%H%M%SZ}")
    if number > 1:
        folder = folder.with_name(f"{folder.name}-{number}")
    if (folder / "run.json").exists():
        raise FolderTaken(f"--rt-report {folder} holds a run already: name another, or remove it")
    return folder


def _run_info(cell: Cell, versions: dict[str, str]) -> RunInfo:
    return RunInfo(
        clients=(ClientInfo(name=CLIENT, version=versions["squall"], gates=True),),
        worlds=(cell.world,),
        seeds=(cell.seed,),
        planned=(cell,),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions,
    )


def _versions() -> dict[str, str]:
    packages = {name: _version(name) for name in ("squall", "websockets", "locust", "uvloop")}
    return {"python": platform.python_version(), **packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
