"""Resubscription: at the end the server holds exactly the channels that the application wants.

CONV and NOZOMBIE of `failures.md` §0.4, by the server's own membership, the last act of a run. A
connection that died in silence may be held by the server for another minute (`protocol.md` §1.6),
and a client cannot help that: what counts is the connection that the client last spoke on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.checkers.spans import claimed, wanted
from harness.checkers.traffic import Channel
from harness.checkers.words import count, examples
from harness.history import History, Op
from harness.verdict import Outcome, Verdict

QUIESCENCE_S = 2.0
"""A channel may linger on the server this long after it was left."""


def resubscription(history: History) -> Verdict:
    """Compare what is wanted, what the server holds and what the client believes."""
    acts = history.where("membership", process="server")
    if not acts:
        return Verdict(Outcome.UNKNOWN, "the run ended before the server's membership was read")
    held = _held(history, acts[-1])
    wants, claims = wanted(history), claimed(history)
    wanted_now = [channel for channel, spans in wants.items() if spans[-1].to_s == math.inf]
    if wanted_now and not claims and not history.where("join", process="server"):
        return Verdict(Outcome.UNKNOWN, "no client ever joined anything, even on a healthy server")
    settled_s = acts[-1].time_s - QUIESCENCE_S
    lingering = {channel: None for channel, spans in wants.items() if spans[-1].to_s > settled_s}
    believed = {channel: None for channel, spans in claims.items() if spans[-1].to_s == math.inf}
    faults = {
        "not joined on the server": [
            _belief(channel, channel in believed) for channel in wanted_now if channel not in held
        ],
        "joined on the server, though its client does not say so": [
            _name(channel) for channel in wanted_now if channel in held and channel not in believed
        ],
        "joined though nobody wants it": [
            _name(channel) for channel in held if channel not in lingering
        ],
        "joined more than once": [_name(channel) for channel, times in held.items() if times > 1],
    }
    return _verdict(len(wanted_now), {what: cases for what, cases in faults.items() if cases})


@dataclass(slots=True)
class _Connection:
    """One connection of a client, as the server saw it."""

    opened_s: float
    spoke_s: float = -1.0


def _held(history: History, membership: Op) -> Counter[Channel]:
    """How often the server holds each channel, ghosts of dead connections left out."""
    connections = _connections(history)
    held: Counter[Channel] = Counter()
    for member in membership.value["members"]:
        client = str(member["client"])
        if not _is_ghost(member["conn"], connections[client]):
            held[client, member["topic"]] += 1
    return held


def _connections(history: History) -> Mapping[str, dict[int, _Connection]]:
    """The connections of each client."""
    connections: dict[str, dict[int, _Connection]] = defaultdict(dict)
    for op in history.ops:
        if op.process != "server":
            continue
        if op.f == "handshake":
            connections[str(op.value["client"])][op.value["conn"]] = _Connection(op.time_s)
        elif op.f == "frame":
            one = connections[str(op.value["client"])].get(op.value["conn"])
            if one:
                one.spoke_s = op.time_s
    return connections


def _is_ghost(conn: int, connections: Mapping[int, _Connection]) -> bool:
    """Whether the client has fallen silent on this connection and speaks on another since."""
    if conn not in connections:
        return False
    current = max(connections.values(), key=lambda one: (one.spoke_s, one.opened_s))
    this = connections[conn]
    return this is not current and this.spoke_s < current.opened_s


def _verdict(wanted_now: int, faults: Mapping[str, list[str]]) -> Verdict:
    evidence: dict[str, Any] = {"wanted": wanted_now}
    if not faults:
        reason = f"the server holds {count(wanted_now, 'wanted channel')}, once each, and no other"
        return Verdict(Outcome.VALID, reason, evidence)
    evidence |= {
        what: {"count": len(cases), "examples": examples(cases)} for what, cases in faults.items()
    }
    reason = "; ".join(
        f"{count(len(cases), 'channel')} {what} ({cases[0]})" for what, cases in faults.items()
    )
    return Verdict(Outcome.INVALID, reason, evidence)


def _name(channel: Channel) -> str:
    return f"{channel[0]} on {channel[1]!r}"


def _belief(channel: Channel, believes: bool) -> str:
    says = "its client says joined" if believes else "nor does its client say so"
    return f"{_name(channel)}: {says}"
