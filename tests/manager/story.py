"""A story of one manager in virtual time: when it was struck, and when it was back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.clients.manager import Manager
from harness.nemesis import Fault
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.workloads import Changes
from harness.worlds.sim import SimWorld
from tests.servers import make_server


class Story:
    """One client that listens to broadcasts and to changes, and what befell it."""

    def __init__(self, faults: Sequence[Fault], maker: type[Manager] = Manager) -> None:
        cell = Cell("story", "manager", "sim", 1)
        scenario = Scenario(faults=[*faults], workload=Changes())
        with TemporaryDirectory() as root:
            store = Store(Path(root))
            self.judgement = run_storm(Storm(cell, scenario, maker), SimWorld(make_server), store)
            self.history = store.read_history(cell)

    @property
    def joined_s(self) -> list[float]:
        """When the channel was joined, by the true clock."""
        return [op.time_s for op in self.history.where("joined", process="client-0")]

    @property
    def struck_s(self) -> list[float]:
        """When each fault began."""
        return [op.time_s for op in self.history.where("start", process="nemesis", type="invoke")]
