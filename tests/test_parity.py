"""Parity: what simulation says of a client is what real sockets say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clients.registry import load_client
from harness.history import History
from harness.nemesis import Fault
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.worlds.sim import SimWorld
from harness.worlds.wire import WireWorld
from harness.worlds.world import World
from tests.servers import make_server

# Our own suite turns warnings into errors, which would break a client from within.
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

STORY = Scenario(faults=[Fault("refuse", after_s=2, for_s=5)], recovery_within_s=20, settle_s=2)
TOLD = ("joined", "lost", "closed", "start", "heal", "handshake", "join")


def tell(client: str, world: World, store: Store) -> History:
    cell = Cell("parity", client, world.name, 1)
    run_storm(Storm(cell, STORY, load_client(client)), world, store)
    return store.read_history(cell)


def order_of_events(history: History) -> list[tuple[str, str]]:
    """What happened in which order, without times and without the traffic itself."""
    told = [(op.process, op.f) for op in history if op.f in TOLD and op.type == "info"]
    # The server's word on a join and the client's travel apart; each order is kept by itself.
    return sorted(told, key=lambda one: one[0])


@pytest.mark.parametrize("client", ["manager", "realtime_py"])
def test_both_worlds_tell_the_same_story(client: str, tmp_path: Path) -> None:
    """Only the loop and the URL differ, so the order of events must not."""
    store = Store(tmp_path)
    simulated = tell(client, SimWorld(make_server), store)
    wire = WireWorld(make_server)
    try:
        real = tell(client, wire, store)
    finally:
        wire.close()
    assert order_of_events(simulated) == order_of_events(real)
    assert ("client-0", "lost") in order_of_events(real)
