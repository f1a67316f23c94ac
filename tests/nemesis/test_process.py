"""Faults of a client's process: each shows, heals, and finds a planted bug, in sim and in wire."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import pytest

from harness.application import Application
from harness.clients.contract import Client, Maker
from harness.clients.manager import Manager
from harness.clients.program import manager, served
from harness.clients.registry import load_client
from harness.history import History, Op
from harness.nemesis import FAULTS, Fault, Nemesis
from harness.nemesis.process import PROCESS
from harness.process import Process
from harness.recorder import Recorder
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, HistoryWriter, Store
from harness.verdict import Judgement, Outcome
from harness.workloads import Broadcast
from harness.worlds.sim import SimWorld
from harness.worlds.wire import WireWorld
from harness.worlds.world import Env, World
from tests import planted_bugs as bugs
from tests.servers import make_server

Played = tuple[Judgement, History]
Play = Callable[[str, str], Played]
"""By the fault and the label of the client."""

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
    # The manager takes it for the end of a sleep, and asks the server at once.
    "wall_clock_jump": Case({"by_s": 3600}, beats(1), "ExpiresByTheWallClock", "resubscription"),
}


def hits(history: History, client: str) -> bool:
    """The application counted callbacks that raised."""
    return any(op.value.get("hits") for op in history.ops if op.process == "nemesis")


def calls_of_its_own(history: History, client: str) -> bool:
    """The program left and subscribed within its callbacks, and was joined again."""
    asked = [op.f for op in history.where("leave", process=client, type="ok")]
    joins = [op for op in history.where("join") if op.value["client"] == client]
    return hits(history, client) and len(asked) >= 2 and len(joins) >= 3


IN_THE_PROGRAM = {
    "callback_raises": Case({}, hits, "DiesInCallback", "recovery"),
    "callback_reenters": Case({"count": 2}, calls_of_its_own, "LeavesForGood", "recovery"),
}
"""Faults that strike in our process as well, and in the program where the client is one."""


ALL = {**CASES, **IN_THE_PROGRAM}


LABELS = ("manager", "bug")


def client(world: str, name: str, label: str) -> Maker:
    """The client by its label: as it is in sim, as a program in wire."""
    bug = f"tests.planted_bugs:{ALL[name].bug}"
    spec = {"bug": bug}.get(label, label)
    return load_client(spec) if world == "sim" else partial(served, spec)


def play(world: World, store: Store, name: str, label: str) -> Played:
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
    cell = Cell(name, label, world.name, 1)
    judgement = run_storm(Storm(cell, scenario, client(world.name, name, label)), world, store)
    return judgement, store.read_history(cell)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Half of them at once: each starts two programs, and then they mostly wait."""
    store, world = Store(tmp_path_factory.mktemp("run")), WireWorld(make_server)
    with ThreadPoolExecutor(len(ALL)) as pool:
        told = {
            (name, label): pool.submit(play, world, store, name, label)
            for name in ALL
            for label in LABELS
        }
        yield lambda name, label: told[name, label].result(timeout=90)
    world.close()


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """One after the other, in no time."""
    store, world = Store(tmp_path_factory.mktemp("run")), SimWorld(make_server)
    return cache(lambda name, label: play(world, store, name, label))


@pytest.fixture(params=["sim", "wire"])
def played(request: pytest.FixtureRequest) -> Play:
    told: Play = request.getfixturevalue(request.param)
    return told


def test_every_fault_of_a_process_is_shown() -> None:
    assert list(CASES) == [kind.name for kind in PROCESS]


@pytest.mark.parametrize("name", CASES)
def test_it_shows_and_the_manager_stands_it(name: str, played: Play) -> None:
    judgement, history = played(name, "manager")
    assert judgement.outcome is Outcome.VALID, judgement.reason
    assert CASES[name].effect(history, STRUCK), "it did not show"
    assert not CASES[name].effect(history, BYSTANDER), "the bystander was struck"


@pytest.mark.parametrize("name", IN_THE_PROGRAM)
def test_a_callback_goes_wrong_where_it_runs(name: str, played: Play) -> None:
    """In the program: what is raised here would end the task that reads what it says, and a call
    over the pipe would come after the callback."""
    judgement, history = played(name, "manager")
    assert judgement.outcome is Outcome.VALID, judgement.reason
    assert IN_THE_PROGRAM[name].effect(history, STRUCK)


@pytest.mark.parametrize("name", ALL)
def test_it_finds_a_planted_bug(name: str, played: Play) -> None:
    judgement, _ = played(name, "bug")
    assert judgement.checkers[ALL[name].checker].outcome is Outcome.INVALID, judgement.reason


@pytest.mark.parametrize("name", [name for name in CASES if name != "wall_clock_jump"])
def test_in_virtual_time_it_strikes_a_client_that_knows_nothing_of_it(name: str, sim: Play) -> None:
    """The unmodified official client. At the wall clock it never looks."""
    judgement, history = sim(name, "realtime_py")
    assert CASES[name].effect(history, STRUCK), judgement.reason


def sleep_of_a_laptop(maker: Maker, for_s: float = 45) -> Judgement:
    """`laptop-sleep` of `failures.md` A7, with the bound that it names."""
    faults = [Fault("suspend", after_s=2, for_s=for_s), Fault("dead_flow", after_s=4)]
    scenario = Scenario(faults=faults, workload=Broadcast(clients=2), detect_within_s=2)
    return run_storm(Storm(Cell("sleep", "any", "sim", 1), scenario, maker), SimWorld(make_server))


def test_the_sleep_of_a_laptop_finds_who_never_misses_a_heartbeat() -> None:
    """What stands still cannot see its connection die, and has to ask when it goes on."""
    deaf = sleep_of_a_laptop(bugs.with_core(bugs.NoHeartbeatCheck))
    assert deaf.checkers["recovery"].outcome is Outcome.INVALID


@pytest.mark.parametrize("for_s", [10, 45, 600])
def test_the_sleep_of_a_laptop_finds_who_does_not_notice_it(for_s: float) -> None:
    clean = sleep_of_a_laptop(Manager, for_s)
    assert clean.outcome is Outcome.VALID, clean.reason
    late = sleep_of_a_laptop(bugs.with_core(bugs.SleepsThrough), for_s)
    assert late.checkers["truth"].outcome is Outcome.INVALID


def test_a_run_that_is_cut_short_heals_its_processes() -> None:
    """What still stands when the story ends goes on, and is closed as politely as any other."""
    world = SimWorld(make_server)

    async def story(env: Env) -> tuple[bool, bool]:
        client = env.client("client-0", Manager)
        await client.open(env.url("client-0"), "client-0")
        held: Any = SimpleNamespace(name="client-0", client=client)
        levers = replace(env.levers, application=Application({"client-0": held}, "room"))
        with suppress(KeyError):
            async with Nemesis(levers, Nothing(), ["client-0"], 1) as nemesis:
                await nemesis.start(Fault("suspend", after_s=0, for_s=1000))
                await asyncio.sleep(1)
                stood = await answers(client)
                raise KeyError
        return stood, await answers(client)

    assert world.play(story, 1, lambda *_: None) == (False, True)


async def answers(client: Client) -> bool:
    op = Op(process="client-0", type="invoke", f="subscribe", value={"topic": str(id(client))})
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            return (await client.invoke(op)).type == "ok"
    return False


class Nothing:
    """Writes nothing down."""

    def invoke(self, process: str, f: str, value: Mapping[str, Any]) -> Op:
        return Op(process=process, type="invoke", f=f, value=value)

    def complete(self, op: Op, type: Any, error: str | None = None, **more: Any) -> None: ...


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


@pytest.mark.parametrize("after_s", [2.05, 2.1, 2.3])
def test_a_client_is_killed_in_the_middle_of_its_own_calls(after_s: float) -> None:
    """They end with it, and the application's way back to what it wants does not."""
    faults = [
        Fault("callback_reenters", after_s=2, for_s=20, count=50),
        Fault("kill", after_s=after_s, for_s=5),
    ]
    traffic = Broadcast(clients=2, period_s=0.1)
    scenario = Scenario(faults=faults, workload=traffic, faults_felt="any", recovery_within_s=20)
    cell = Cell("calls", "manager", "sim", 1)
    judgement = run_storm(Storm(cell, scenario, Manager), SimWorld(make_server))
    assert judgement.outcome is Outcome.VALID, judgement.reason


def test_a_call_that_a_callback_begins_is_the_runners_and_ends_though_the_client_is_killed() -> (
    None
):
    async def story(env: Env) -> None:
        process = Process("client-0", env.client("client-0", Manager), env, recorder)
        recorder.start(env.now_s)
        sent = {"topic": "room", "id": 1}
        process.mishaps.add("joined", lambda: process.begin("broadcast", sent))
        await process.call("open", {})
        await process.call("subscribe", {"topic": "room"})
        client: Any = process.client
        await client.kill()
        await asyncio.sleep(1)
        recorder.end()

    writer = HistoryWriter(None, Scenario().header("calls", "manager", "sim", 1))
    recorder = Recorder(writer)
    SimWorld(make_server).play(story, 1, lambda *_: None)
    ends = [op.type for op in writer.history().where("broadcast", process="client-0")]
    assert ends == ["invoke", "info"]


def test_virtual_time_holds_no_program() -> None:
    storm = Storm(Cell("any", "program", "sim", 1), Scenario(), manager)
    judgement = run_storm(storm, SimWorld(make_server))
    assert judgement.outcome is Outcome.NOT_APPLICABLE
    assert "virtual time" in judgement.reason


@pytest.mark.parametrize(("make_world", "maker"), [(SimWorld, Manager), (WireWorld, manager)])
def test_what_has_been_killed_is_healed_of_everything(make_world: Any, maker: Maker) -> None:
    """Slow callbacks end while their process is gone, and other faults strike nobody; the process
    that is started knows of none."""
    world: World = make_world(make_server)
    faults = [
        Fault("callback_slow", after_s=1, for_s=3),
        Fault("kill", after_s=2, for_s=4),
        Fault("clock_jump", after_s=3, by_s=60),
        Fault("callback_raises", after_s=3, for_s=6, event="received"),
        Fault("callback_reenters", after_s=3, for_s=6, first="subscribe", second="leave"),
    ]
    scenario = Scenario(faults=faults, recovery_within_s=20, settle_s=3, faults_felt="any")
    cell = Cell("both", "manager", world.name, 1)
    judgement = run_storm(Storm(cell, scenario, maker), world)
    world.close()
    assert judgement.outcome is Outcome.VALID, judgement.reason
