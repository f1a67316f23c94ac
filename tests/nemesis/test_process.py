"""Faults of a client's process: each shows, heals, and finds a planted bug; in real time only."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.clients.contract import Client
from harness.clients.manager import Manager
from harness.clients.program import manager, served
from harness.history import History
from harness.nemesis import FAULTS, Fault
from harness.nemesis.process import PROCESS
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.verdict import Judgement, Outcome
from harness.workloads import Broadcast
from harness.worlds.sim import SimWorld
from harness.worlds.wire import WireWorld
from tests.servers import make_server

STRUCK, BYSTANDER = "client-0", "client-1"
FROM_S, FOR_S = 2.0, 5.0
PERIOD_S = 0.25


@dataclass(frozen=True)
class Case:
    """A fault, how it shows at one of two clients, and a defect that it finds, by which checker."""

    parameters: dict[str, Any]
    effect: Callable[[History, str], bool]
    bug: str
    checker: str


def gap_s(history: History, client: str) -> float:
    """The longest time between two messages that the client was heard to receive."""
    times = [op.time_s for op in history.where("received", process=client)]
    return max(after - before for before, after in itertools.pairwise(times))


def stands_still(history: History, client: str) -> bool:
    """Nothing is heard of it, and its connection stays."""
    ends = [op for op in history.where("disconnect") if op.value["client"] == client]
    return not ends and gap_s(history, client) > 0.7 * FOR_S


def dies(history: History, client: str) -> bool:
    """Its connection ends, what it had joined is lost, and it opens again."""
    ends = [op for op in history.where("disconnect") if op.value["client"] == client]
    opens = history.where("open", process=client, type="ok")
    return bool(ends and history.where("lost", process=client)) and len(opens) == 2


def falls_behind(history: History, client: str) -> bool:
    """Messages come from it ever later while the fault lasts."""
    sent = {op.value["id"]: op.time_s for op in history.where("broadcast", process="source")}
    took_s = [
        op.time_s - sent[op.value["id"]]
        for op in history.where("received", process=client)
        if op.value["sender"] == "source"
    ]
    return max(took_s) > 0.7


def beats(times: int) -> Callable[[History, str], bool]:
    """Heartbeats, which are 25 s apart, come from it so often in a run of a few seconds."""

    def effect(history: History, client: str) -> bool:
        frames = [op.value for op in history.where("frame", process="server")]
        return [(one["client"], one["event"]) for one in frames].count(
            (client, "heartbeat")
        ) >= times

    return effect


CASES = {
    "suspend": Case({}, stands_still, "BadWatchdog", "recovery"),
    "kill": Case({}, dies, "BelievesItsDisk", "recovery"),
    "block": Case({}, stands_still, "BadWatchdog", "recovery"),
    "callback_slow": Case({}, falls_behind, "DropsWhenBehind", "delivery"),
    "clock_jump": Case({"by_s": 60}, beats(1), "TwoClocks", "recovery"),
    "clock_drift": Case({"factor": 20}, beats(2), "TwoClocks", "recovery"),
}


def hits(history: History, client: str) -> bool:
    """The application counted callbacks that raised."""
    return any(op.value.get("hits") for op in history.ops if op.process == "nemesis")


IN_THE_PROGRAM = {"callback_raises": Case({}, hits, "DiesInCallback", "recovery")}
"""Faults that strike in our process as well, and in the program where the client is one."""


ALL = {**CASES, **IN_THE_PROGRAM}


def bugged(name: str) -> Callable[[Random], Client]:
    return lambda rng: served(f"tests.planted_bugs:{ALL[name].bug}", rng)


def play(
    world: WireWorld, store: Store, name: str, maker: Callable[[Random], Client], label: str
) -> tuple[Judgement, History]:
    fault = Fault(
        name,
        after_s=FROM_S,
        for_s=FOR_S if FAULTS[name].lasts else None,
        clients=[STRUCK],
        **ALL[name].parameters,
    )
    scenario = Scenario(
        faults=[fault],
        workload=Broadcast(clients=2, period_s=PERIOD_S),
        recovery_within_s=15,
        settle_s=3,
    )
    cell = Cell(name, label, "wire", 1)
    judgement = run_storm(Storm(cell, scenario, maker), world, store)
    return judgement, store.read_history(cell)


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, str], Future[tuple[Judgement, History]]]]:
    """All of them at once: they mostly wait."""
    store, world = Store(tmp_path_factory.mktemp("run")), WireWorld(make_server)
    with ThreadPoolExecutor(2 * len(ALL)) as pool:
        yield {
            (name, label): pool.submit(play, world, store, name, maker, label)
            for name in ALL
            for label, maker in (("manager", manager), ("bug", bugged(name)))
        }
    world.close()


def test_every_fault_of_a_process_is_shown() -> None:
    assert list(CASES) == [kind.name for kind in PROCESS]


@pytest.mark.parametrize("name", CASES)
def test_it_shows_and_the_manager_stands_it(name: str, played: Any) -> None:
    judgement, history = played[name, "manager"].result(timeout=90)
    assert judgement.outcome is Outcome.VALID, judgement.reason
    assert CASES[name].effect(history, STRUCK), "it did not show"
    assert not CASES[name].effect(history, BYSTANDER), "the bystander was struck"


@pytest.mark.parametrize("name", IN_THE_PROGRAM)
def test_a_callback_raises_where_it_runs(name: str, played: Any) -> None:
    """In the program: what is raised here would end the task that reads what it says."""
    judgement, history = played[name, "manager"].result(timeout=90)
    assert judgement.outcome is Outcome.VALID, judgement.reason
    assert IN_THE_PROGRAM[name].effect(history, STRUCK)


@pytest.mark.parametrize("name", ALL)
def test_it_finds_a_planted_bug(name: str, played: Any) -> None:
    judgement, _ = played[name, "bug"].result(timeout=90)
    assert judgement.checkers[ALL[name].checker].outcome is Outcome.INVALID, judgement.reason


@pytest.mark.parametrize("name", CASES)
def test_a_client_within_our_process_is_not_struck_and_the_mend_is_named(name: str) -> None:
    world = WireWorld(make_server)
    for_s = 1.0 if FAULTS[name].lasts else None
    fault = Fault(name, after_s=0.1, for_s=for_s, **CASES[name].parameters)
    scenario = Scenario(faults=[fault], recovery_within_s=5)
    judgement = run_storm(Storm(Cell(name, "manager", "wire", 1), scenario, Manager), world)
    world.close()
    assert judgement.outcome is Outcome.NOT_APPLICABLE
    assert "run it as a program, as manager_process does" in judgement.reason


def test_virtual_time_holds_no_process(tmp_path: Path) -> None:
    storm = Storm(Cell("any", "program", "sim", 1), Scenario(), manager)
    judgement = run_storm(storm, SimWorld(make_server))
    assert judgement.outcome is Outcome.NOT_APPLICABLE
    assert "virtual time" in judgement.reason


def test_what_has_been_killed_is_healed_of_everything(tmp_path: Path) -> None:
    """Slow callbacks end while their program is gone; the one that is started knows of none."""
    world, store = WireWorld(make_server), Store(tmp_path)
    faults = [Fault("callback_slow", after_s=1, for_s=3), Fault("kill", after_s=2, for_s=4)]
    scenario = Scenario(faults=faults, recovery_within_s=20, settle_s=3)
    judgement = run_storm(
        Storm(Cell("both", "manager", "wire", 1), scenario, manager), world, store
    )
    world.close()
    assert judgement.outcome is Outcome.VALID, judgement.reason
