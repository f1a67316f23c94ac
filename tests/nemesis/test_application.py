"""Faults of the application: each shows in the history as it says, and our manager stands it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from harness.clients.contract import Maker
from harness.clients.manager import Manager
from harness.history import History
from harness.nemesis import FAULTS, Fault
from harness.nemesis.application import APPLICATION
from harness.nemesis.pairs import ASIDE, CALLS
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.verdict import Judgement, Outcome
from harness.workloads import Broadcast
from harness.worlds.sim import SimWorld
from harness.worlds.wire import WireWorld
from harness.worlds.world import World
from tests import planted_bugs as bugs
from tests.servers import make_server

STRUCK, BYSTANDER = "client-0", "client-1"
FOR_S = 5.0

Effect = Callable[[History, str], bool]
"""Whether a client shows in the history that it was struck."""


@dataclass(frozen=True)
class Case:
    """A fault with parameters, how it shows, and a defect that it finds, by which checker."""

    name: str
    parameters: dict[str, Any]
    effect: Effect
    bug: Maker
    checker: str

    @property
    def fault(self) -> Fault:
        """It strikes one of two clients."""
        for_s = FOR_S if FAULTS[self.name].lasts else None
        return Fault(self.name, after_s=1, for_s=for_s, clients=[STRUCK], **self.parameters)


def frames(history: History, client: str, topic: str) -> list[str]:
    """The events that a client sent on a topic after its first join, in order."""
    sent = [op.value for op in history.where("frame", process="server")]
    events = [one["event"] for one in sent if (one["client"], one["topic"]) == (client, topic)]
    return [event for event in events if event != "broadcast"][1:]


def hits(history: History, client: str) -> bool:
    struck = client == STRUCK
    return struck and any(op.value.get("hits") for op in history.where("heal", type="info"))


def asks(*wanted: str, topic: str = "room") -> Effect:
    """The client sends these events, in this order."""

    def effect(history: History, client: str) -> bool:
        sent = iter(frames(history, client, topic))
        return all(event in sent for event in wanted)

    return effect


def wants(topic: str, times: int) -> Effect:
    """The application wants a topic so often."""
    return lambda history, client: (
        sum(
            bool(op.value["wanted"])
            for op in history.where("wanted")
            if (op.value["client"], op.value["topic"]) == (client, topic)
        )
        >= times
    )


def loses(history: History, client: str) -> bool:
    """Its channel is lost: the server has thrown it out."""
    return bool(history.where("lost", process=client))


def cancels(call: str) -> Effect:
    return lambda history, client: any(
        op.error == "the application cancelled it" for op in history.where(call, process=client)
    )


def closes(times: int) -> Effect:
    """The application closes its client so often, and has it open again."""

    def effect(history: History, client: str) -> bool:
        closed = history.where("close", process=client, type="invoke")
        opened = history.where("open", process=client, type="ok")
        return len(closed) >= times and len(opened) >= 2

    return effect


ZOMBIE = bugs.with_core(bugs.ForgetsAnEarlyLeave)
FIRST_TOKEN = bugs.with_core(bugs.FirstTokenForEver)
SHORT = {"lifetime_s": 2.0}

CASES = [
    Case("callback_raises", {}, hits, bugs.DiesInCallback, "recovery"),
    Case("callback_raises", {"count": 1}, hits, bugs.DiesInCallback, "recovery"),
    Case(
        "callback_reenters",
        {"first": "subscribe", "second": "leave", "topic": "aside"},
        wants(ASIDE, 3),
        ZOMBIE,
        "resubscription",
    ),
    Case(
        "callback_reenters",
        {"first": "leave", "second": "set_token"},
        asks("phx_leave", "phx_join"),
        FIRST_TOKEN,
        "tokens",
    ),
    Case(
        "callback_reenters",
        {"first": "close", "second": "open"},
        closes(3),
        bugs.OpensOnce,
        "recovery",
    ),
    Case("token_expires", SHORT, loses, FIRST_TOKEN, "tokens"),
    Case("token_rotates", {"every_s": 1}, asks(*["access_token"] * 4), FIRST_TOKEN, "tokens"),
    Case("token_provider_fails", SHORT, loses, FIRST_TOKEN, "tokens"),
    Case("token_provider_slow", {**SHORT, "delay_s": 2.0}, loses, FIRST_TOKEN, "tokens"),
    Case(
        "call_race",
        {"first": "subscribe", "second": "leave", "topic": "aside"},
        wants(ASIDE, 1),
        ZOMBIE,
        "resubscription",
    ),
    Case("call_race", {}, asks("phx_leave", "phx_join"), ZOMBIE, "any"),
    Case(
        "call_race",
        {"first": "leave", "second": "set_token", "gap_s": 0.5},
        asks("phx_leave", "phx_join"),
        FIRST_TOKEN,
        "tokens",
    ),
    Case(
        "call_race",
        {"first": "close", "second": "subscribe", "turns": 3},
        closes(1),
        bugs.OpensOnce,
        "recovery",
    ),
    Case(
        "call_race",
        {"first": "open", "second": "close", "jitter_s": 0.05},
        closes(2),
        bugs.StaysClosed,
        "recovery",
    ),
    Case(
        "call_race",
        {"first": "close", "second": "close", "gap_s": 1.0},
        closes(2),
        bugs.GoesOnAfterClose,
        "quiet",
    ),
    Case("cancelled_call", {"call": "subscribe"}, cancels("subscribe"), ZOMBIE, "resubscription"),
    Case(
        "cancelled_call", {"call": "leave"}, cancels("leave"), bugs.LeavesByHalves, "resubscription"
    ),
    Case(
        "cancelled_call", {"call": "broadcast"}, cancels("broadcast"), bugs.CancelKills, "recovery"
    ),
    Case(
        "cancelled_call", {"call": "set_token"}, cancels("set_token"), bugs.CancelKills, "recovery"
    ),
    Case("cancelled_call", {"call": "close"}, closes(2), bugs.ClosesByHalves, "delivery"),
    Case("cancelled_call", {"call": "open"}, cancels("open"), bugs.OpensByHalves, "conduct"),
]


def named(case: Case) -> str:
    return "-".join([case.name, *(str(value) for value in case.parameters.values())])


def play(
    world: World, case: Case, store: Store, maker: Maker = Manager, rst: bool = False
) -> tuple[Judgement, History]:
    faults = [case.fault]
    if rst:
        faults.append(Fault("rst", after_s=1 + FOR_S + 1))
    # A connection that nobody knows of shows by its heartbeats.
    settle_s = 40 if world.name == "sim" else 3
    scenario = Scenario(faults=faults, workload=Broadcast(clients=2), settle_s=settle_s)
    cell = Cell(named(case).replace("_", "-"), maker.__name__, world.name, 1)
    judgement = run_storm(Storm(cell, scenario, maker), world, store)
    return judgement, store.read_history(cell)


def check(case: Case, judgement: Judgement, history: History) -> None:
    assert judgement.outcome is Outcome.VALID, judgement.reason
    assert case.effect(history, STRUCK), "it did not show"
    assert not case.effect(history, BYSTANDER), "the bystander was struck"


def test_every_fault_of_the_application_is_shown() -> None:
    assert {case.name for case in CASES} == {kind.name for kind in APPLICATION}
    cancelled = [case.parameters["call"] for case in CASES if case.name == "cancelled_call"]
    assert sorted(cancelled) == sorted(CALLS)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_shows_in_simulation_and_the_manager_stands_it(case: Case, store: Store) -> None:
    check(case, *play(SimWorld(make_server), case, store))


@pytest.fixture
def store(tmp_path: Any) -> Store:
    return Store(tmp_path)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    """All of them wait together."""
    store, world = Store(tmp_path_factory.mktemp("run")), WireWorld(make_server)
    with ThreadPoolExecutor(len(CASES)) as pool:
        yield {named(case): pool.submit(play, world, case, store) for case in CASES}
    world.close()


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_shows_over_real_sockets(case: Case, wire: dict[str, Future[Any]]) -> None:
    check(case, *wire[named(case)].result(timeout=100))


@pytest.mark.parametrize("case", [one for one in CASES if one.checker != "any"], ids=named)
def test_it_finds_a_planted_bug(case: Case, store: Store) -> None:
    judgement, _ = play(SimWorld(make_server), case, store, case.bug, rst=True)
    assert judgement.checkers[case.checker].outcome is Outcome.INVALID, judgement.reason
    sound, _ = play(SimWorld(make_server), case, store, rst=True)
    assert sound.outcome is Outcome.VALID, sound.reason
