"""Each fault finds a defect that is planted for it, and blames nobody else."""

from __future__ import annotations

import pytest

from harness.clients.contract import Maker
from harness.clients.manager import Manager
from harness.nemesis import Fault
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell
from harness.verdict import Judgement, Outcome
from harness.worlds.sim import SimWorld
from tests.nemesis.finds import AT_THE_SOCKET, FINDS, FINDS_IN_PACKETS
from tests.servers import make_server


def storm(name: str, maker: Maker) -> Judgement:
    cell = Cell("finds", "planted", "sim", 1)
    return run_storm(Storm(cell, FINDS[name].scenario, maker), SimWorld(make_server))


def test_nobody_is_blamed_for_what_a_mute_server_did_not_send_for_a_moment() -> None:
    """Too short for any heartbeat to notice: the connection never breaks, the messages are gone."""
    story = Scenario(faults=[Fault("mute_app", after_s=2, for_s=3)])
    judgement = run_storm(
        Storm(Cell("mute", "manager", "sim", 1), story, Manager), SimWorld(make_server)
    )
    assert judgement.outcome is Outcome.VALID, judgement.reason


def test_every_fault_finds_something() -> None:
    assert sorted([*FINDS, *FINDS_IN_PACKETS]) == sorted(AT_THE_SOCKET)
    for name, find in {**FINDS, **FINDS_IN_PACKETS}.items():
        assert name in [fault.name for fault in find.scenario.faults]


@pytest.mark.parametrize("name", FINDS)
def test_a_fault_finds_the_defect_that_is_planted_for_it(name: str) -> None:
    judgement = storm(name, FINDS[name].maker)
    assert judgement.checkers[FINDS[name].checker].outcome is Outcome.INVALID, judgement.reason


@pytest.mark.parametrize("name", FINDS)
def test_the_clean_manager_stands_it(name: str) -> None:
    """Felt, too: a fault that no client noticed makes the verdict unknown."""
    judgement = storm(name, Manager)
    assert judgement.outcome is Outcome.VALID, judgement.reason
