"""Test the tests: each planted bug is caught by the checker that it is for, and only bugs are."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.clients.contract import Maker
from harness.clients.manager import Manager
from harness.generator import call
from harness.nemesis import Fault
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell
from harness.verdict import Judgement, Outcome
from harness.workloads import Broadcast, Changes
from harness.worlds.sim import SimWorld
from tests import planted_bugs as bugs
from tests.servers import make_server

SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Planted:
    """A defect, the cheapest scenario that shows it, and the checker that must."""

    name: str
    maker: Maker
    scenario: Scenario
    checker: str


MUTE = Scenario(faults=[Fault("mute_live", after_s=3)])
OUTAGE = Scenario(faults=[Fault("refuse", after_s=3, for_s=120)], recovery_within_s=45)
HERD = Scenario(
    faults=[Fault("restart", after_s=5, for_s=10)],
    workload=Broadcast(clients=60, period_s=1.0, sends_every_s=None),
)
RESET = Scenario(faults=[Fault("rst", after_s=3)])
ROTATION = Scenario(
    faults=[Fault("rst", after_s=5)], calls=[call(2, "set_token", token_id="second")]
)
LATE = Scenario(
    faults=[Fault("late_joins", after_s=2, for_s=12, delay_s=11.5), Fault("rst", after_s=3)]
)
CHANGED_MIND = Scenario(
    faults=[Fault("late_joins", after_s=2, for_s=5, delay_s=2)],
    calls=[call(4, "subscribe", topic="other"), call(5, "leave", topic="other")],
)
# Unsubscribed between the time-out of the join, at 14 s, and the next attempt.
TIMED_OUT = Scenario(
    faults=[Fault("late_joins", after_s=2, for_s=20, delay_s=15)],
    calls=[call(4, "subscribe", topic="other"), call(14.2, "leave", topic="other")],
)
CLOSED = Scenario(
    faults=[Fault("refuse", after_s=2, for_s=8)],
    calls=[call(5, "close"), call(40, "open"), call(40.1, "subscribe", topic="room")],
)
SLOW = Scenario(faults=[Fault("slow", after_s=5, for_s=15, latency_s=2.0)])
REVOLVING_DOOR = Scenario(
    faults=[Fault("accept_then_close", after_s=3, for_s=60, code=1011)], recovery_within_s=45
)

REFUSED_FEED = Scenario(
    faults=[Fault("rst", after_s=3), Fault("subscription_error", after_s=2, for_s=10)],
    workload=Changes(),
)
RESET_FEED = Scenario(faults=[Fault("rst", after_s=3)], workload=Changes())
RAISING = Scenario(
    faults=[
        Fault("callback_raises", after_s=3, for_s=5, event="changed", count=1),
        Fault("callback_raises", after_s=10, for_s=20, event="feed_live"),
        Fault("rst", after_s=12),
    ],
    workload=Changes(),
)
REENTERED = Scenario(faults=[Fault("callback_reenters", after_s=3, for_s=5)])
LEFT_IN_A_RACE = Scenario(faults=[Fault("call_race", after_s=3, first="leave", second="subscribe")])
CLOSED_IN_A_RACE = Scenario(faults=[Fault("call_race", after_s=3, first="close", second="open")])
UNHEARD = Scenario(faults=[Fault("hole", after_s=3, for_s=40)], workload=Changes())
SLOW_CLOCK = Scenario(
    faults=[
        Fault("clock_drift", after_s=3, for_s=100, factor=0.2),
        Fault("hole", after_s=5, for_s=40),
    ],
    workload=Changes(),
)
SET_BACK = Scenario(
    faults=[Fault("hole", after_s=5, for_s=40), Fault("clock_jump", after_s=20, by_s=-20)],
    workload=Changes(),
)
SUSPENDED = Scenario(faults=[Fault("suspend", after_s=3, for_s=90)], workload=Changes())
SUSPENDED_SHORTLY = Scenario(faults=[Fault("suspend", after_s=3, for_s=20)], workload=Changes())
BLOCKED_SHORTLY = Scenario(faults=[Fault("block", after_s=3, for_s=20)], workload=Changes())
OPENED_TWICE = Scenario(
    faults=[Fault("call_race", after_s=45, first="broadcast", second="open")], workload=Changes()
)
CLOSED_LATE = Scenario(
    faults=[Fault("call_race", after_s=45, first="close", second="open")], workload=Changes()
)
KILLED_LATE = Scenario(faults=[Fault("kill", after_s=45, for_s=2)], workload=Changes())

PLANTED = [
    Planted("dials on after close", bugs.with_core(bugs.DialsOnAfterClose), CLOSED, "quiet"),
    Planted("no heartbeat check", bugs.with_core(bugs.NoHeartbeatCheck), MUTE, "recovery"),
    Planted("no heartbeat check", bugs.with_core(bugs.NoHeartbeatCheck), MUTE, "truth"),
    Planted("gives up after five", bugs.with_core(bugs.GivesUpAfterFive), OUTAGE, "recovery"),
    Planted("no jitter", bugs.NoJitter, HERD, "storm"),
    Planted("no rejoin", bugs.with_core(bugs.NoRejoin), RESET, "resubscription"),
    Planted("first token", bugs.with_core(bugs.FirstTokenForEver), ROTATION, "tokens"),
    Planted("stale close", bugs.with_core(bugs.StaleCloseAccepted), LATE, "resubscription"),
    Planted("counter reset", bugs.with_core(bugs.CounterResetAtHandshake), REVOLVING_DOOR, "storm"),
    Planted("zombie", bugs.with_core(bugs.UnsubscribeLeavesZombie), CHANGED_MIND, "resubscription"),
    Planted("no leave", bugs.with_core(bugs.NoLeaveOnTimeout), TIMED_OUT, "resubscription"),
    Planted("swallows", bugs.with_core(bugs.SwallowsMessages), SLOW, "delivery"),
    Planted(
        "no way back", bugs.with_core(bugs.with_feed(bugs.DiscouragedFeed)), REFUSED_FEED, "feed"
    ),
    Planted(
        "forgets its bindings", bugs.with_core(bugs.ForgetsWhatItListensTo), RESET_FEED, "feed"
    ),
    Planted("dies in a change", bugs.DiesInAChange, RAISING, "feed"),
    Planted("no gap", bugs.with_core(bugs.with_feed(bugs.SilentFeed)), UNHEARD, "feed"),
    Planted("leaves for ever", bugs.LeavesForEver, CHANGED_MIND, "answers"),
    Planted("closes for ever", bugs.ClosesForEver, CLOSED, "answers"),
    Planted("opens for ever", bugs.OpensAgainForEver, CLOSED, "answers"),
    Planted("leaves for ever in a race", bugs.LeavesForEver, LEFT_IN_A_RACE, "answers"),
    Planted("closes for ever in a race", bugs.ClosesForEver, CLOSED_IN_A_RACE, "answers"),
    Planted("opens for ever in a race", bugs.OpensAgainForEver, CLOSED_IN_A_RACE, "answers"),
    Planted("leaves for ever in a callback", bugs.LeavesForEver, REENTERED, "answers"),
    Planted(
        "no gap, suspended", bugs.with_core(bugs.with_feed(bugs.SilentFeed)), SUSPENDED, "feed"
    ),
    Planted("loses, stood", bugs.with_core(bugs.LosesTenSeconds), SUSPENDED_SHORTLY, "feed"),
    Planted("loses, blocked", bugs.with_core(bugs.LosesTenSeconds), BLOCKED_SHORTLY, "feed"),
    Planted("cries gap", bugs.CriesGap, RESET_FEED, "feed"),
    Planted("loses, is opened", bugs.with_core(bugs.LosesTenSeconds), OPENED_TWICE, "feed"),
    Planted("loses, is closed", bugs.with_core(bugs.LosesTenSeconds), CLOSED_LATE, "feed"),
    Planted("loses, is killed", bugs.with_core(bugs.LosesTenSeconds), KILLED_LATE, "feed"),
    Planted(
        "no gap, slow clock", bugs.with_core(bugs.with_feed(bugs.SilentFeed)), SLOW_CLOCK, "feed"
    ),
    Planted(
        "no gap, clock set back", bugs.with_core(bugs.with_feed(bugs.SilentFeed)), SET_BACK, "feed"
    ),
    Planted("sends lie", bugs.with_core(bugs.SendsLie), RESET, "acknowledgement"),
]


def storm(maker: Maker, scenario: Scenario, seed: int) -> Judgement:
    cell = Cell("planted", "planted", "sim", seed)
    return run_storm(Storm(cell, scenario, maker), SimWorld(make_server))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: f"{bug.name} by {bug.checker}")
def test_a_planted_bug_is_caught_by_its_checker(bug: Planted, seed: int) -> None:
    judgement = storm(bug.maker, bug.scenario, seed)
    verdict = judgement.checkers[bug.checker]
    assert verdict.outcome is Outcome.INVALID, judgement.reason


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: f"for {bug.name}")
def test_the_clean_manager_passes_the_same(bug: Planted, seed: int) -> None:
    """Otherwise the kill would be noise."""
    judgement = storm(Manager, bug.scenario, seed)
    assert judgement.outcome is Outcome.VALID, judgement.reason
