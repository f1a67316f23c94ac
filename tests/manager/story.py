"""A story of one manager in virtual time: what it told, and what became of all that was sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from harness.clients.manager import Manager
from harness.manager import Event
from harness.nemesis import Fault
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.workloads import Changes
from harness.worlds.sim import SimWorld
from tests.servers import make_server

E = TypeVar("E", bound=Event)


class Story:
    """One client that listens to broadcasts and to changes, and what befell it."""

    def __init__(self, faults: Sequence[Fault], maker: type[Manager] = Manager) -> None:
        self.events: list[Event] = []
        told = self.events

        class Telling(maker):  # type: ignore[misc, valid-type]
            def _event(self, event: Event) -> None:
                told.append(event)
                super()._event(event)

        cell = Cell("story", "manager", "sim", 1)
        scenario = Scenario(faults=[*faults], workload=Changes())
        with TemporaryDirectory() as root:
            store = Store(Path(root))
            self.judgement = run_storm(Storm(cell, scenario, Telling), SimWorld(make_server), store)
            self.history = store.read_history(cell)

    def told(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def joined_s(self) -> list[float]:
        """When the channel was joined, by the true clock."""
        return [op.time_s for op in self.history.where("joined", process="client-0")]

    @property
    def struck_s(self) -> list[float]:
        """When each fault began."""
        return [op.time_s for op in self.history.where("start", process="nemesis", type="invoke")]

    def lost(self, sent: str, heard: str) -> list[float]:
        """When each was sent that never came: `broadcast` and `received`, `insert` and `changed`.

        Of those between the first that came and the last.
        """
        sent_s = {op.value["id"]: op.time_s for op in self.history.where(sent, process="source")}
        came = [op.value["id"] for op in self.history.where(heard, process="client-0")]
        came = [id for id in came if id in sent_s]
        return [s for id, s in sent_s.items() if min(came) < id < max(came) and id not in came]
