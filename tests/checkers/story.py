"""Hand-written histories: each call adds what one process did or saw, in any order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

from harness.checkers.course import BESIDES
from harness.history import Header, History, Op, Type


class Story:
    """Ops in the making; `history()` puts them in order of time."""

    def __init__(self, **header: Any) -> None:
        named = {"scenario": "story", "client": "hand", "world": "sim", "seed": 1}
        self._header = Header(**{**named, **header})
        self._ops: list[Op] = []
        self._ids = itertools.count(1)
        self._refs = itertools.count(1)

    def op(self, at_s: float, process: str, type: Type, f: str, **value: Any) -> Self:
        """Any op at all."""
        self._ops.append(Op(process=process, type=type, f=f, value=value, time_s=at_s))
        return self

    def call(
        self,
        at_s: float,
        process: str,
        f: str,
        answer: Type | None,
        took_s: float = 0.0,
        **value: Any,
    ) -> Self:
        """A call and its completion, unless it never got any."""
        call = Op(process=process, type="invoke", f=f, value=value, time_s=at_s, id=next(self._ids))
        self._ops.append(call)
        if answer:
            self._ops.append(replace(call, type=answer, time_s=at_s + took_s))
        return self

    def wants(
        self, client: str, at_s: float = 0.0, topic: str = "room", wanted: bool = True
    ) -> Self:
        """The application wants a channel from here on, or no longer."""
        return self.op(at_s, "run", "info", "wanted", client=client, topic=topic, wanted=wanted)

    def joined(self, client: str, at_s: float, topic: str = "room") -> Self:
        """The client says that it has joined."""
        return self.op(at_s, client, "info", "joined", topic=topic)

    def lost(self, client: str, at_s: float, reason: str = "1006", topic: str = "room") -> Self:
        """The client says that it has lost its channel."""
        return self.op(at_s, client, "info", "lost", topic=topic, reason=reason)

    def closed(self, client: str, at_s: float, reason: str = "CLOSED", topic: str = "room") -> Self:
        """The client says that it has given its channel up."""
        return self.op(at_s, client, "info", "closed", topic=topic, reason=reason)

    def source(self, at_s: float, id: int, topic: str = "room") -> Self:
        """The source publishes a message."""
        return self.call(at_s, "source", "broadcast", "ok", topic=topic, id=id)

    def received(self, client: str, at_s: float, id: int, topic: str = "room") -> Self:
        """The client receives a message of the source."""
        return self.op(at_s, client, "info", "received", topic=topic, id=id, sender="source")

    def fault(self, name: str, start_s: float, heal_s: float | None = None, **told: Any) -> Self:
        """The nemesis starts a fault, and heals it if a time is given."""
        self.call(start_s, "nemesis", "start", "info", fault=name, **told)
        if heal_s is not None:
            own = {key: value for key, value in told.items() if key not in BESIDES}
            self.call(heal_s, "nemesis", "heal", "info", fault=name, **own)
        return self

    def dial(self, at_s: float, outcome: str) -> Self:
        """The network sees a connect."""
        return self.op(at_s, "network", "info", "dial", outcome=outcome)

    def server(self, at_s: float, f: str, **value: Any) -> Self:
        """The server tells the truth."""
        return self.op(at_s, "server", "info", f, **value)

    def handshake(self, client: str, at_s: float, conn: int = 1) -> Self:
        """A WebSocket handshake succeeds."""
        return self.server(at_s, "handshake", conn=conn, client=client)

    def disconnect(self, client: str, at_s: float, conn: int = 1, by: str = "network") -> Self:
        """A connection ends, as the server sees it."""
        return self.server(at_s, "disconnect", conn=conn, client=client, code=1006, by=by)

    def frame(
        self, client: str, at_s: float, event: Any, conn: int = 1, topic: Any = "room", **value: Any
    ) -> Self:
        """A frame of the client reaches the server; its ref is new unless one is given."""
        value = {"ref": str(next(self._refs)), "join_ref": None, "id": None, **value}
        return self.server(
            at_s, "frame", conn=conn, client=client, topic=topic, event=event, **value
        )

    def joins(
        self, client: str, at_s: float, conn: int = 1, topic: str = "room", token_id: str = "first"
    ) -> Self:
        """A join reaches the server, which holds the channel from here on."""
        join_ref = str(next(self._refs))
        self.frame(client, at_s, "phx_join", conn, topic, ref=join_ref, join_ref=join_ref)
        value = {"conn": conn, "client": client, "topic": topic, "join_ref": join_ref}
        return self.server(at_s, "join", **value, token_id=token_id)

    def leaves(
        self, client: str, at_s: float, conn: int = 1, topic: str = "room", by: str = "server"
    ) -> Self:
        """The server no longer holds a channel."""
        value = {"conn": conn, "client": client, "topic": topic, "join_ref": None}
        return self.server(at_s, "leave", **value, by=by)

    def members(self, at_s: float, members: Sequence[tuple[str, int]], topic: str = "room") -> Self:
        """The last act: who the server holds, by client and connection."""
        held = [
            {"conn": conn, "client": client, "topic": topic, "join_ref": None}
            for client, conn in members
        ]
        return self.server(at_s, "membership", members=held)

    def ends(self, at_s: float) -> Self:
        """The run is over."""
        return self.op(at_s, "run", "info", "phase", phase="end")

    def without(self, drop: Callable[[Op], bool]) -> Self:
        """Take out what should not have happened."""
        self._ops = [op for op in self._ops if not drop(op)]
        return self

    def history(self) -> History:
        """All of it, in order of time."""
        return History(self._header, tuple(sorted(self._ops, key=lambda op: op.time_s)))


def perfect_run(
    *,
    clients: int = 2,
    fault_s: float | None = 10.0,
    heal_s: float = 20.0,
    back_s: float = 22.0,
    end_s: float = 40.0,
    period_s: float = 0.5,
    latency_s: float = 0.01,
    **header: Any,
) -> Story:
    """A client as it should be: interrupted by an outage, and back soon after the heal."""
    story = Story(clients=clients, **header)
    names = [f"client-{number}" for number in range(clients)]
    if fault_s is not None:
        story.fault("refuse", fault_s, heal_s)
    for conn, client in enumerate(names, 1):
        _first_life(story, client, conn)
        if fault_s is not None:
            _second_life(story, client, conn, clients + conn, fault_s, back_s)
    for id in range(1, int((end_s - 1.0) / period_s)):
        at_s = id * period_s
        story.source(at_s, id)
        if fault_s is None or not fault_s <= at_s <= back_s:
            for client in names:
                if at_s >= 0.5:
                    story.received(client, at_s + latency_s, id)
    live = 0 if fault_s is None else clients
    story.members(end_s, [(client, live + conn) for conn, client in enumerate(names, 1)])
    return story.ends(end_s)


def _first_life(story: Story, client: str, conn: int) -> None:
    story.wants(client).handshake(client, 0.1, conn)
    story.joins(client, 0.2, conn).joined(client, 0.21)
    story.frame(client, 0.3, "heartbeat", conn, "phoenix")


def _second_life(
    story: Story, client: str, conn: int, next_conn: int, fault_s: float, back_s: float
) -> None:
    story.disconnect(client, fault_s, conn).leaves(client, fault_s, conn, by="disconnect")
    story.lost(client, fault_s + 0.01)
    story.handshake(client, back_s - 0.2, next_conn)
    # What is published from here on is owed by the new join.
    story.joins(client, back_s + 0.001, next_conn).joined(client, back_s + 0.005)
