"""Every interleaving of two calls, and every moment to cancel one: the manager stands them all.

A call of ours meets the network at most four times, and between two packets some turns of the
event loop pass. In a network whose packets all take equally long, the second call is made at each
of these moments and so many turns later, until more turns change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from harness.clients.contract import Maker
from harness.clients.manager import Manager
from harness.history import History
from harness.nemesis import Fault
from harness.nemesis.pairs import CALLS, TOPICS
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.sim import SimLoop
from harness.sim.way import Link
from harness.store import Cell, Store
from harness.verdict import Judgement, Outcome
from harness.workloads import Broadcast
from harness.worlds.sim import SimWorld
from tests import planted_bugs as bugs
from tests.servers import make_server

LATENCY_S = 0.02
TURNS = 12
TURNS_THAT_MATTER = 8
"""As many as the longest way through our code after one packet has; more change nothing."""
ROUND_TRIPS: Mapping[str, int] = {
    "open": 3,
    "subscribe": 1,
    "leave": 1,
    "broadcast": 1,
    "set_token": 0,
    "close": 1,
}
"""How often each call waits for the server: an open for TCP, WebSocket and join."""
EVERY_S = 2.0
PERIOD_S = 0.5


class EvenWorld(SimWorld):
    """Virtual time, and every packet takes as long as every other."""

    async def _main(self, loop: SimLoop, *rest: Any) -> Any:
        loop.net.up = loop.net.down = Link(latency_s=LATENCY_S, jitter_s=0)
        return await super()._main(loop, *rest)


def moments(call: str) -> Iterator[tuple[float, int]]:
    """Every gap and number of turns after the beginning of a call."""
    for round_trip in range(ROUND_TRIPS[call] + 1):
        for turns in range(TURNS):
            yield 2 * LATENCY_S * round_trip, turns


def play(
    store: Store, name: str, parameters: Sequence[Mapping[str, Any]], maker: Maker
) -> tuple[Judgement, History]:
    """One strike after the other, each a round trip before a message of the source comes in."""
    faults = [
        Fault(name, after_s=EVERY_S * number - LATENCY_S, **one)
        for number, one in enumerate(parameters, start=1)
    ]
    traffic = Broadcast(period_s=PERIOD_S, sends_every_s=None)
    story = Scenario(faults=faults, workload=traffic, settle_s=40, recovery_within_s=30)
    cell = Cell("every-race", maker.__name__, "sim", 1)
    judgement = run_storm(Storm(cell, story, maker), EvenWorld(make_server), store)
    return judgement, store.read_history(cell)


def race(
    store: Store, first: str, second: str, topic: str, maker: Maker = Manager
) -> tuple[Judgement, History]:
    pair = {"first": first, "second": second, "topic": topic}
    apart = [{**pair, "gap_s": gap_s, "turns": turns} for gap_s, turns in moments(first)]
    return play(store, "call_race", apart, maker)


def courses(history: History) -> list[list[Any]]:
    """What happened after each strike, in order and without times; heartbeats have their own."""
    found: list[list[Any]] = []
    until_s = 0.0
    for op in history.ops:
        if op.process == "nemesis" and op.type == "invoke":
            found.append([])
            until_s = op.time_s + 0.9 * EVERY_S
        elif op.time_s < until_s and op.process != "source" and op.f not in ("received", "phase"):
            event = op.value.get("event")
            if event != "heartbeat":
                topic = op.value.get("topic")
                found[-1].append((op.process, op.type, op.f, topic, event, op.error))
    return found


def check(judgement: Judgement) -> None:
    """A broadcast to a topic that was never joined has no fate, which is no reproach."""
    unsure = [name for name, one in judgement.checkers.items() if one.outcome is Outcome.UNKNOWN]
    assert judgement.outcome is not Outcome.INVALID, judgement.reason
    assert unsure in ([], ["acknowledgement"]), judgement.reason


@pytest.fixture
def store(tmp_path: Any) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("first", CALLS)
def test_whatever_two_calls_meet_the_application_gets_what_it_wants(
    first: str, topic: str, store: Store
) -> None:
    for second in CALLS:
        judgement, history = race(store, first, second, topic)
        check(judgement)
        told = courses(history)
        for at in range(0, len(told), TURNS):
            later = told[at + TURNS_THAT_MATTER : at + TURNS]
            assert all(one == later[0] for one in later), f"{second}: more turns change something"


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("call", CALLS)
def test_whenever_a_call_is_cancelled_the_application_gets_what_it_wants(
    call: str, topic: str, store: Store
) -> None:
    when = [
        {"call": call, "topic": topic, "cancel_after_s": after_s, "turns": turns}
        for after_s, turns in moments(call)
    ]
    judgement, _ = play(store, "cancelled_call", when, Manager)
    check(judgement)


def test_the_turns_matter(store: Store) -> None:
    """The order of what happens differs between them, or there would be no need to try them."""
    _, history = race(store, "close", "leave", "workload")
    assert len({tuple(one) for one in courses(history)}) > 4


@pytest.mark.parametrize(
    ("bug", "first", "second", "checker"),
    [
        (bugs.with_core(bugs.UnsubscribeLeavesZombie), "subscribe", "leave", "conduct"),
        (bugs.SubscribesLate, "subscribe", "leave", "quiet"),
        (bugs.OpensByHalves, "open", "open", "delivery"),
    ],
)
def test_it_finds_a_planted_bug(
    bug: Maker, first: str, second: str, checker: str, store: Store
) -> None:
    judgement, _ = race(store, first, second, "aside", bug)
    assert judgement.checkers[checker].outcome is Outcome.INVALID, judgement.reason
