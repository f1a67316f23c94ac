"""The defect that each fault finds: a story with the fault, a client, and the checker that sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.clients.contract import Maker
from harness.generator import call
from harness.manager import ConnectionCore
from harness.nemesis import FAULTS, Fault
from harness.scenario import Scenario
from harness.workloads import Broadcast, Changes
from tests import planted_bugs as bugs


@dataclass(frozen=True)
class Find:
    """A client with one defect, the story that shows it, and the checker that says so."""

    maker: Maker
    checker: str
    scenario: Scenario


def find(bug: Any, checker: str, *faults: Fault, **story: Any) -> Find:
    """A defect of the manager's core, unless a whole client is given."""
    maker = bugs.with_core(bug) if issubclass(bug, ConnectionCore) else bug
    return Find(maker, checker, Scenario(faults=faults, **story))


AT_THE_SOCKET = [name for name, kind in FAULTS.items() if kind.category in ("network", "server")]
"""The faults of the network and the server; those of the application are in
`tests/nemesis/test_application.py`."""

RST = Fault("rst", after_s=3)
DIALS_FOR_EVER = bugs.with_config("DialsForEver", open_timeout_s=1e6)
SMALL_MESSAGES = bugs.with_config("SmallMessages", bugs.StopsAtTheLarge, message_bytes_max=500_000)
HERD = Broadcast(clients=60, period_s=1.0, sends_every_s=None)
OTHER = [call(4, "subscribe", topic="other"), call(14.2, "leave", topic="other")]
"""Unsubscribed between the time-out of the join and the next attempt."""

FINDS: Mapping[str, Find] = {
    "refuse": find(bugs.GivesUpAfterFive, "recovery", Fault("refuse", after_s=3, for_s=120)),
    "rst": find(bugs.NoRejoin, "resubscription", RST),
    "fin": find(bugs.StopsWhenBroken, "recovery", Fault("fin", after_s=3)),
    "hole": find(bugs.NoHeartbeatCheck, "truth", Fault("hole", after_s=3, for_s=120)),
    "dead_flow": find(bugs.NoHeartbeatCheck, "recovery", Fault("dead_flow", after_s=3)),
    "dns_failure": find(
        bugs.StopsWithoutAddress, "recovery", RST, Fault("dns_failure", after_s=2, for_s=20)
    ),
    "connect_stall": find(
        DIALS_FOR_EVER, "recovery", RST, Fault("connect_stall", after_s=2, for_s=70)
    ),
    "slow": find(bugs.SwallowsMessages, "delivery", Fault("slow", after_s=5, for_s=15)),
    "latency": find(bugs.SwallowsMessages, "delivery", Fault("latency", after_s=5, for_s=15)),
    "bandwidth": find(
        bugs.SwallowsMessages, "delivery", Fault("bandwidth", after_s=5, for_s=15, rate=1)
    ),
    "slicer": find(bugs.SwallowsMessages, "delivery", Fault("slicer", after_s=5, for_s=15)),
    "limit_data": find(bugs.NoRejoin, "resubscription", Fault("limit_data", after_s=3, for_s=20)),
    "slow_close": find(
        bugs.StopsWhenKicked,
        "recovery",
        Fault("slow_close", after_s=2, for_s=20, delay=5000),
        Fault("close", after_s=3),
    ),
    "timeout": find(
        bugs.NoHeartbeatCheck, "truth", Fault("timeout", after_s=3, for_s=120, timeout=0)
    ),
    "reset_peer": find(bugs.NoRejoin, "resubscription", Fault("reset_peer", after_s=3, for_s=60)),
    "late": find(
        bugs.NoLeaveOnTimeout,
        "resubscription",
        Fault("late", after_s=2, for_s=20, delay_s=15, answers="phx_join"),
        calls=OTHER,
    ),
    "drop": find(
        bugs.WaitsForEveryJoin,
        "recovery",
        RST,
        Fault("drop", after_s=2, for_s=8, answers="phx_join"),
    ),
    "duplicate": find(
        bugs.StopsAtASecondAnswer,
        "recovery",
        RST,
        Fault("duplicate", after_s=2, for_s=10, answers="phx_join"),
    ),
    "reorder": find(
        bugs.DropsWhatOvertakes,
        "delivery",
        Fault("reorder", after_s=5, for_s=20, event="broadcast"),
    ),
    "corrupt": find(
        bugs.StopsAtGarbage, "recovery", Fault("corrupt", after_s=5, for_s=5, how="bad_json")
    ),
    "oversize": find(
        SMALL_MESSAGES, "recovery", Fault("oversize", after_s=5, for_s=20, event="broadcast")
    ),
    "heartbeat_only": find(
        bugs.WaitsForEveryJoin, "recovery", RST, Fault("heartbeat_only", after_s=2, for_s=8)
    ),
    "feed_loss": find(
        bugs.with_feed(bugs.DismissiveFeed),
        "feed",
        Fault("feed_loss", after_s=3, for_s=100),
        workload=Changes(),
    ),
    "feed_down": find(
        bugs.with_feed(bugs.TrustingFeed),
        "feed",
        Fault("feed_down", after_s=3),
        workload=Changes(),
        recovery_within_s=100,
        grace_s=100,  # The channel is joined again: what is published meanwhile is told as a gap.
    ),
    "subscribed_missing": find(
        bugs.with_feed(bugs.PatientFeed),
        "feed",
        RST,
        Fault("subscribed_missing", after_s=2, for_s=20),
        workload=Changes(),
    ),
    "subscribed_repeated": find(
        bugs.HandlersDouble,
        "feed",
        RST,
        Fault("subscribed_repeated", after_s=2, for_s=20),
        workload=Changes(),
    ),
    "subscribed_late": find(
        bugs.with_feed(bugs.EagerFeed),
        "feed",
        RST,
        Fault("subscribed_late", after_s=2, for_s=20),
        workload=Changes(),
    ),
    "subscription_error": find(
        bugs.with_feed(bugs.OptimisticFeed),
        "feed",
        RST,
        Fault("subscription_error", after_s=2, for_s=10),
        workload=Changes(),
    ),
    "ack_omission": find(
        bugs.SendsLie, "acknowledgement", Fault("ack_omission", after_s=3, for_s=10), RST
    ),
    "err": find(bugs.TakesNoForAnAnswer, "recovery", RST, Fault("err", after_s=2, for_s=10)),
    "late_joins": find(
        bugs.StaleCloseAccepted,
        "resubscription",
        Fault("late_joins", after_s=2, for_s=12, delay_s=11.5),
        RST,
    ),
    "mute_app": find(bugs.NoHeartbeatCheck, "truth", Fault("mute_app", after_s=3, for_s=120)),
    "http": find(bugs.StopsWhenRefused, "recovery", RST, Fault("http", after_s=2, for_s=20)),
    "connect_error": find(
        bugs.StopsWhenRefused, "recovery", RST, Fault("connect_error", after_s=2, for_s=20)
    ),
    "handshake_stall": find(
        DIALS_FOR_EVER, "recovery", RST, Fault("handshake_stall", after_s=2, for_s=5)
    ),
    "accept_then_close": find(
        bugs.CounterResetAtHandshake, "storm", Fault("accept_then_close", after_s=3, for_s=60)
    ),
    "database_down": find(
        bugs.TakesNoForAnAnswer, "recovery", RST, Fault("database_down", after_s=2, for_s=10)
    ),
    "limits": find(
        bugs.StopsWhenRefused, "recovery", Fault("limits", after_s=3, for_s=20, suspend=True)
    ),
    "restart": find(bugs.NoJitter, "storm", Fault("restart", after_s=5, for_s=10), workload=HERD),
    "sigterm": find(bugs.StopsWhenKicked, "recovery", Fault("sigterm", after_s=3, for_s=10)),
    "drain": find(bugs.StopsWhenKicked, "recovery", Fault("drain", after_s=3)),
    "server_clock_jump": find(
        bugs.FirstTokenForEver,
        "tokens",
        Fault("server_clock_jump", after_s=5, for_s=120),
        RST,
        calls=[call(1, "set_token", token_id="a"), call(8, "set_token", token_id="b")],
    ),
    "tenant_reload": find(bugs.StopsWhenKicked, "recovery", Fault("tenant_reload", after_s=3)),
    "tenant_deleted": find(
        bugs.StopsWhenRefused, "recovery", Fault("tenant_deleted", after_s=3, for_s=20)
    ),
    "close": find(bugs.StopsWhenKicked, "recovery", Fault("close", after_s=3)),
    "memory_kill": find(bugs.StopsWhenBroken, "recovery", Fault("memory_kill", after_s=3)),
    "mute_live": find(bugs.NoHeartbeatCheck, "recovery", Fault("mute_live", after_s=3)),
    "freeze_live": find(bugs.NoHeartbeatCheck, "recovery", Fault("freeze_live", after_s=3)),
    "unknown_event": find(bugs.StopsAtTheUnknown, "recovery", Fault("unknown_event", after_s=3)),
    "stale_close": find(bugs.StaleCloseAccepted, "resubscription", Fault("stale_close", after_s=3)),
    "stale_error": find(bugs.StaleCloseAccepted, "resubscription", Fault("stale_error", after_s=3)),
}
"""By fault."""

FINDS_IN_PACKETS: Mapping[str, Find] = {
    "packet_loss": find(
        bugs.DropsBursts,
        "delivery",
        Fault("packet_loss", after_s=3, for_s=10, share=0.4),
        workload=Broadcast(clients=4, period_s=0.2, sends_every_s=None),
        recovery_within_s=25,
    ),
}
"""By fault; those that only a kernel can make."""
