"""Conduct: on the wire, each client keeps to the Phoenix protocol.

PROTO of `failures.md` §0.4, judged connection by connection from the frames that the server got:

* every frame can be read;
* nothing is pushed to a topic that is not joined on that connection;
* no topic is joined while it is already joined;
* no ref is used twice, except the null ref;
* heartbeats go to the topic `phoenix`;
* a client that has made a new connection goes on with that one, and lets the old one end;
* no connection is silent for more than 60 s, after which the server closes it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harness.checkers.course import course
from harness.checkers.words import count, examples
from harness.history import History, Op
from harness.verdict import Outcome, Verdict

SILENCE_MAX_S = 60.0
"""`protocol.md` §1.6: the server closes a connection on which it heard nothing for a minute."""
REACTION_S = 10.0
"""A push may be under way while the server ends its channel, a heartbeat while a client leaves the
connection for another."""
NULL_REFS = (None, "")

Report = Callable[[str, Op], None]
"""Called with the rule that is broken and the op that breaks it."""


@dataclass(slots=True)
class _Joined:
    """A topic of one connection, from its join on."""

    join_ref: Any
    ended_s: float = math.inf
    """When the server ended it of its own accord; infinity while it is joined."""


@dataclass(slots=True)
class _Connection:
    """What the server knows of one connection so far."""

    client: str
    opened_s: float
    heard_s: float
    """When a frame last came; the handshake before there was any."""
    topics: dict[Any, _Joined] = field(default_factory=dict)
    refs: dict[Any, None] = field(default_factory=dict)


def conduct(history: History) -> Verdict:
    """Replay what the server saw of each connection, and note every rule that was broken."""
    frames = len(history.where("frame", process="server"))
    if not frames:
        return Verdict(Outcome.NOT_APPLICABLE, "the frames that the server got were not recorded")
    broken: dict[str, list[str]] = defaultdict(list)

    def report(rule: str, op: Op) -> None:
        broken[rule].append(_words(op))

    replay = _Replay(report, course(history).end_s)
    for op in history.ops:
        replay.see(op)
    replay.end()
    return _verdict(frames, broken)


class _Replay:
    """The connections of a run, as its ops go by."""

    def __init__(self, report: Report, end_s: float) -> None:
        self._report = report
        self._end_s = end_s
        self._connections: dict[int, _Connection] = {}
        # Connections that no fault has touched; a silence on any other proves nothing.
        self._untouched: dict[int, None] = {}

    def see(self, op: Op) -> None:
        """Take one op into account."""
        if op.process == "nemesis" and op.type == "invoke":
            self._judge_silences(op.time_s)
            self._untouched.clear()
        elif op.process != "server":
            return
        elif op.f == "handshake":
            self._handshake(op)
        elif op.f in self._SEE and (connection := self._connections.get(op.value["conn"])):
            self._SEE[op.f](self, connection, op)

    def end(self) -> None:
        """The run is over."""
        self._judge_silences(self._end_s)

    def _handshake(self, op: Op) -> None:
        conn = op.value["conn"]
        self._connections[conn] = _Connection(str(op.value["client"]), op.time_s, op.time_s)
        self._untouched[conn] = None

    def _disconnect(self, connection: _Connection, op: Op) -> None:
        conn = op.value["conn"]
        self._judge_silence(conn, op.time_s)
        self._untouched.pop(conn, None)
        del self._connections[conn]

    def _join(self, connection: _Connection, op: Op) -> None:
        connection.topics[op.value["topic"]] = _Joined(op.value["join_ref"])

    def _leave(self, connection: _Connection, op: Op) -> None:
        topic = op.value["topic"]
        if op.value["by"] == "server" and topic in connection.topics:
            connection.topics[topic].ended_s = op.time_s
        else:
            connection.topics.pop(topic, None)

    def _frame(self, connection: _Connection, op: Op) -> None:
        self._judge_silence(op.value["conn"], op.time_s)
        connection.heard_s = op.time_s
        event = op.value["event"]
        self._judge_ref(connection, op)
        if not isinstance(event, str) or not isinstance(op.value["topic"], str):
            self._report("sent what cannot be read", op)
        elif event == "heartbeat":
            self._judge_heartbeat(connection, op)
        elif event == "phx_join":
            self._judge_join(connection, op)
        elif event == "phx_leave":
            self._take_leave(connection, op)
        else:
            self._judge_push(connection, op)

    def _judge_ref(self, connection: _Connection, op: Op) -> None:
        ref = op.value["ref"]
        if ref in NULL_REFS:
            return
        if str(ref) in connection.refs:
            self._report("used a ref twice", op)
        connection.refs[str(ref)] = None

    def _judge_heartbeat(self, connection: _Connection, op: Op) -> None:
        if op.value["topic"] != "phoenix":
            self._report("sent a heartbeat to another topic than 'phoenix'", op)
        newer = (
            one
            for one in self._connections.values()
            if one.client == connection.client and one.opened_s > connection.opened_s
        )
        if any(one.opened_s + REACTION_S < op.time_s for one in newer):
            self._report("kept a connection alive beside a newer one", op)

    def _judge_join(self, connection: _Connection, op: Op) -> None:
        joined = connection.topics.get(op.value["topic"])
        if joined and joined.ended_s == math.inf:
            self._report("joined what was joined", op)

    def _take_leave(self, connection: _Connection, op: Op) -> None:
        """The client has left, whatever the server makes of it; a stale leave is no leave."""
        joined = connection.topics.get(op.value["topic"])
        if joined and op.value["join_ref"] in (None, joined.join_ref):
            del connection.topics[op.value["topic"]]

    def _judge_push(self, connection: _Connection, op: Op) -> None:
        joined = connection.topics.get(op.value["topic"])
        if joined is None or joined.ended_s + REACTION_S < op.time_s:
            self._report("pushed to what was not joined", op)

    def _judge_silences(self, until_s: float) -> None:
        for conn in list(self._untouched):
            self._judge_silence(conn, until_s)

    def _judge_silence(self, conn: int, until_s: float) -> None:
        connection = self._connections[conn]
        silent_s = until_s - connection.heard_s
        if conn in self._untouched and silent_s > SILENCE_MAX_S:
            value = {"conn": conn, "client": connection.client}
            self._report(
                f"was silent for more than {SILENCE_MAX_S:g} s",
                Op(process="server", type="info", f="silence", value=value, time_s=until_s),
            )

    _SEE: Mapping[str, Callable[[_Replay, _Connection, Op], None]] = MappingProxyType(
        {
            "disconnect": _disconnect,
            "join": _join,
            "leave": _leave,
            "frame": _frame,
        }
    )


def _words(op: Op) -> str:
    value = op.value
    what = (
        f" {value['event']!r} on {value['topic']!r} (ref {value['ref']!r})"
        if "ref" in value
        else ""
    )
    return f"{value['client']}{what} on connection {value['conn']} at {op.time_s:.1f} s"


def _verdict(frames: int, broken: Mapping[str, list[str]]) -> Verdict:
    evidence: dict[str, Any] = {"frames": frames}
    if not broken:
        return Verdict(
            Outcome.VALID, f"{count(frames, 'frame')} sent as the protocol says", evidence
        )
    evidence |= {
        rule: {"count": len(cases), "examples": examples(cases)} for rule, cases in broken.items()
    }
    reason = "; ".join(
        f"a client {rule}, {count(len(cases), 'time')} (first: {cases[0]})"
        for rule, cases in broken.items()
    )
    return Verdict(Outcome.INVALID, reason, evidence)
