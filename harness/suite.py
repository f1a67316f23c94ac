"""One run of a suite: its worlds, its run folder, and the verdicts reached so far."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from harness.clients.registry import client_version
from harness.options import Options
from harness.run import versions
from harness.store import Cell, ClientInfo, Result, RunInfo, Store
from harness.toxiproxy.choice import Running
from harness.verdict import Judgement, Verdict
from harness.worlds.packets import PacketsWorld
from harness.worlds.sim import SimWorld
from harness.worlds.wire import LONGEST_STORY_S, Hosts, WireWorld
from harness.worlds.world import ServerMaker, World


class Suite:
    """What all storms of one run share; any thread may use it."""

    def __init__(self, options: Options, make_server: ServerMaker) -> None:
        self.options = options
        self.store = Store(options.report) if options.report else None
        self.results: list[Result] = []
        self._make_server = make_server
        self._lock = threading.Lock()
        self._worlds: dict[str, World] = {}

    def plan(self, cells: Sequence[Cell]) -> RunInfo:
        """What is to be run, with the versions of everything that takes part."""
        options = self.options
        names = dict.fromkeys((*options.clients, *options.compare))
        return RunInfo(
            clients=tuple(
                ClientInfo(name=name, version=client_version(name), gates=name in options.clients)
                for name in names
            ),
            worlds=options.worlds,
            seeds=tuple(dict.fromkeys(cell.seed for cell in cells)),
            planned=tuple(cells),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={
                **versions(client_version(options.clients[0])),
                **self._versions({cell.world for cell in cells}),
            },
        )

    def _versions(self, worlds: Collection[str]) -> dict[str, str]:
        """What the worlds bring into the run, by version."""
        brought = [self.world(name).versions() for name in self.options.worlds if name in worlds]
        return {name: version for one in brought for name, version in one.items()}

    def world(self, name: str) -> World:
        """The world of that name, made when it is first needed."""
        with self._lock:
            if name not in self._worlds:
                self._worlds[name] = self._make_world(name)
            return self._worlds[name]

    def _make_world(self, name: str) -> World:
        if name == "sim":
            return SimWorld(self._make_server)
        story_s_max = float("inf") if self.options.long else LONGEST_STORY_S
        if name == "packets":
            asked_for = name in self.options.asked_for
            return PacketsWorld(self._make_server, asked_for=asked_for, story_s_max=story_s_max)
        return WireWorld(
            self._make_server,
            toxiproxy=self.options.toxiproxy,
            hosts=_hosts(self.options),
            story_s_max=story_s_max,
        )

    def keep(self, cell: Cell, checkers: Mapping[str, Verdict], replay: str) -> Judgement:
        """Write a verdict that was put together from several runs."""
        judgement = Judgement(checkers)
        if self.store:
            self.store.write_judgement(cell, judgement, replay)
        return judgement

    def reached(self, result: Result) -> None:
        """Keep a verdict that stands."""
        with self._lock:
            self.results.append(result)

    def close(self) -> None:
        """End what the worlds have started."""
        for world in self._worlds.values():
            world.close()


def _hosts(options: Options) -> Hosts:
    proxy = options.toxiproxy.host if isinstance(options.toxiproxy, Running) else "127.0.0.1"
    environ = os.environ.get
    return Hosts(
        bind=environ("SQUALL_BIND_HOST", "127.0.0.1"),
        advertise=environ("SQUALL_ADVERTISE_HOST", "127.0.0.1"),
        proxy=environ("SQUALL_PROXY_HOST", proxy),
    )
