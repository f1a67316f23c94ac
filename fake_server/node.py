"""The core of the server: a frame and the time in, effects out; no I/O.

Every method takes the facts and `now_s`, seconds since the epoch, and returns what is to be done,
in order. What clients can see of a feature is in `features`, one file each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from fake_server import life
from fake_server.api import Api
from fake_server.config import ServerConfig
from fake_server.core.state import Channel, Connection, State, membership
from fake_server.database import Database
from fake_server.effects import Arrive, Effect
from fake_server.features import (
    access_token,
    broadcast,
    db_broadcast,
    join,
    leave,
    link,
    postgres_changes,
    presence,
)
from fake_server.handshake import Admission
from fake_server.http import Answer, Request, Route
from fake_server.limits import Limits
from fake_server.switches.thrown import Switches
from fake_server.switches.where import Where
from fake_server.tenant import changed
from harness.protocol import (
    ACCESS_TOKEN,
    BROADCAST,
    HEARTBEAT,
    PHOENIX,
    PHX_JOIN,
    PHX_LEAVE,
    PRESENCE,
    TOPIC_PREFIX,
    MalformedMessage,
    Message,
)

Feature = Callable[[State, Channel, Message, float], None]

FEATURES: dict[str, Feature] = {
    BROADCAST: broadcast.handle,
    ACCESS_TOKEN: access_token.handle,
    PRESENCE: presence.handle,
}
"""What a joined channel does with each event; an event that is not here is ignored (§1.8)."""


_REF_DIGITS_MAX = 18


def _earlier(join_ref: Any) -> str:
    """A ref that the client gave before this one, as clients count; "0" where they do not."""
    text = str(join_ref)
    is_number = text.isascii() and text.isdecimal() and len(text) <= _REF_DIGITS_MAX
    return str(max(0, int(text) - 1)) if is_number else "0"


class Node:
    """One tenant on one server node: every connection to it, and every channel."""

    def __init__(
        self,
        config: ServerConfig,
        rng: random.Random | None = None,
        now_s: float = 0.0,
        numbers: Iterator[int] | None = None,
    ) -> None:
        """`numbers` are those of the connections to come, which several nodes may share."""
        self._state = State(config, rng or random.Random(), now_s=now_s)
        self._api = Api(self._state)
        self._numbers = numbers or count(1)

    @property
    def database(self) -> Database:
        """The project's tables."""
        return self._state.database

    @property
    def switches(self) -> Switches:
        """How the server misbehaves at present."""
        return self._state.switches

    @property
    def next_due_s(self) -> float | None:
        """When `due` has to be called next, seconds since the epoch; None when there is nothing."""
        due_s = [
            self._state.next_check_s,
            life.next_sweep_s(self._state),
            join.next_settling_s(self._state),
            leave.next_due_s(self._state),
            postgres_changes.next_due_s(self._state),
            self._state.now_s if self._state.database.has_messages else None,
        ]
        return min((when_s for when_s in due_s if when_s is not None), default=None)

    @property
    def config(self) -> ServerConfig:
        """The settings at present."""
        return self._state.config

    @property
    def limits(self) -> Limits:
        """What the tenant has used of its limits."""
        return self._state.limits

    @property
    def connections(self) -> list[int]:
        """The live connections, in order of arrival."""
        return list(self._state.connections)

    def membership(self) -> list[dict[str, Any]]:
        """Who is joined to what, in order of arrival: conn, client, topic, join_ref."""
        return [
            membership(channel)
            for connection in self._state.connections.values()
            for channel in connection.channels.values()
        ]

    def started(self, now_s: float) -> None:
        """The server listens from now on."""
        self._state.terminating = False
        self._state.next_sweep_s = now_s + self.config.no_channel_timeout_s
        self._pass_time(now_s)

    def update_tenant(self, fields: Mapping[str, Any]) -> list[Effect]:
        """Change settings of the tenant, by their names in the real API; raises `BadTenant`."""
        change = changed(self.config, fields)
        self._state.config = change.config
        for counter in change.restarts:
            getattr(self.limits, counter).restart()
        return self.disconnect_tenant() if change.disconnects else self._effects()

    def disconnect_tenant(self) -> list[Effect]:
        """Close the connections that have channels, after a system message on each channel."""
        life.disconnect_tenant(self._state)
        return self._effects()

    def find_database(self, lasted_s: float) -> list[Effect]:
        """The database, which could not be reached for so long, is back."""
        link.found_again(self._state, lasted_s)
        return self._effects()

    def lose_feed(self) -> None:
        """The worker that reads the database's changes dies; nobody is told (`protocol.md §9`)."""
        self._state.feed.die()

    def terminate(self, now_s: float) -> dict[int, int]:
        """The process was told to end: it refuses joins, and its connections with channels have to
        be drained. Returns them with their numbers of channels, in order of arrival."""
        self._pass_time(now_s)
        return life.terminate(self._state)

    def drain(self, conns: Sequence[int]) -> list[Effect]:
        """Close these connections, as the process is about to end."""
        life.drain(self._state, conns)
        return self._effects()

    def kill(self, conns: list[int]) -> list[Effect]:
        """The processes of these connections are killed, those of them that still live."""
        for conn in conns:
            if conn in self._state.connections:
                self._state.kill(self._state.connections[conn])
        return self._effects()

    def refused(self, status: int, client: str | None) -> list[Effect]:
        """An upgrade was refused with this HTTP status."""
        self._state.truth("refused", status=int(status), client=client)
        return self._effects()

    def opened(self, admission: Admission) -> tuple[int, list[Effect]]:
        """A handshake succeeded; returns the number of the connection."""
        connection = Connection(
            next(self._numbers), admission.codec, admission.token, admission.client
        )
        self._state.connections[connection.id] = connection
        self._state.truth("handshake", connection)
        close_code = self.switches.close_code(connection.id, connection.client)
        if close_code is not None:
            self._state.hang_up(connection, close_code)
        return connection.id, self._effects()

    def receive(self, conn: int, frame: str | bytes, now_s: float) -> list[Effect]:
        """A client sent a frame."""
        connection = self._state.connections.get(conn)
        if connection is not None and self.switches.rules:
            self._receive_by_rules(connection, frame, now_s)
        elif connection is not None:
            self._receive(connection, frame, now_s)
        return self._effects()

    def arrive(self, conn: int, frame: str | bytes, now_s: float) -> list[Effect]:
        """A frame that a rule held back arrives only now."""
        connection = self._state.connections.get(conn)
        if connection is not None:
            self._receive(connection, frame, now_s)
        return self._effects()

    def add_socket(self, row: Route) -> None:
        """A way to connect besides the WebSocket (`Api.add_socket`)."""
        self._api.add_socket(row)

    def mails(self) -> list[dict[str, Any]]:
        """What sign-in has mailed, and to whom."""
        return list(self._state.mails)

    def answer(self, request: Request, now_s: float) -> tuple[Answer, list[Effect]]:
        """Somebody asks over HTTP, on a connection of its own."""
        self._pass_time(now_s)
        return self._api.answer(request, now_s), self._effects()

    def resume(self, conn: int, now_s: float) -> list[Effect]:
        """A blocked connection may go on: its join is answered, unless its application stopped."""
        self._pass_time(now_s)
        connection = self._state.connections.get(conn)
        if connection is not None and not self._state.muted(connection):
            join.finish(self._state, connection, now_s)
        return self._effects()

    def closed(self, conn: int, code: int, by: str) -> list[Effect]:
        """A connection ended; its channels end with it, in silence. Idempotent."""
        connection = self._state.connections.get(conn)
        if connection is not None:
            self._state.forget(connection, code, by)
        return self._effects()

    def vanished(self, code: int) -> list[Effect]:
        """The whole node is gone: every connection ends, and nobody is left to be told."""
        for connection in list(self._state.connections.values()):
            self._state.forget(connection, code, "server")
        return self._effects()

    def hang_up(self, conns: list[int], code: int) -> list[Effect]:
        """Close these connections with a close frame, those of them that still live."""
        for conn in conns:
            connection = self._state.connections.get(conn)
            if connection is not None:
                self._state.hang_up(connection, code)
        return self._effects()

    def due(self, now_s: float) -> list[Effect]:
        """The time that `next_due_s` named has come."""
        self._state.pass_to(now_s)
        life.sweep(self._state, now_s)
        for channel in self._state.due_checks(now_s):
            access_token.check(self._state, channel, now_s)
        join.settle_due(self._state, now_s)
        leave.due(self._state, now_s)
        db_broadcast.deliver(self._state, now_s)
        postgres_changes.due(self._state, now_s)
        return self._effects()

    def stop_apps(self, conns: list[int]) -> None:
        """The applications behind these connections never speak again."""
        for conn in conns:
            self._state.connections[conn].app_stopped = True

    def clients(self) -> dict[int, str | None]:
        """Whose the live connections are, by number."""
        return {connection.id: connection.client for connection in self._state.connections.values()}

    def matching(self, where: Where) -> list[int]:
        """The live connections in scope; one that names a topic has only those that joined it."""
        joined = dict.fromkeys(channel.connection.id for channel in self.channels(where))
        return [
            connection.id
            for connection in self._state.connections.values()
            if where.covers(connection.id, connection.client)
            and (where.topic is None or connection.id in joined)
        ]

    def channels(self, where: Where) -> list[Channel]:
        """The joined channels in scope, in order of arrival."""
        return [
            channel
            for connection in self._state.connections.values()
            if where.covers(connection.id, connection.client)
            for channel in connection.channels.values()
            if where.names(channel.topic)
        ]

    def stray(self, channels: list[Channel], event: str, payload: Any, stale: bool) -> list[Effect]:
        """Push what no feature would to these channels, or as if to an earlier join of theirs."""
        for channel in channels:
            ref = _earlier(channel.join_ref) if stale else None
            join_ref = ref if stale else channel.push_ref
            self._state.send(
                channel.connection, Message(channel.topic, event, payload, ref, join_ref)
            )
        return self._effects()

    def publish(
        self, topic: str, event: str, payload: Any, now_s: float
    ) -> tuple[int, list[Effect]]:
        """Broadcast to a sub-topic as a REST call would; returns the number of receivers too."""
        self._pass_time(now_s)
        receivers = broadcast.publish(self._state, topic, event, payload, now_s)
        return receivers, self._effects()

    def _receive_by_rules(self, connection: Connection, frame: str | bytes, now_s: float) -> None:
        first = True
        for effect in self.switches.rules.arriving(connection, frame):
            # A join may block the connection: what follows it has to wait in the shell.
            if isinstance(effect, Arrive) and first:
                first = False
                self._receive(connection, effect.frame, now_s)
            else:
                self._state.effects.append(effect)

    def _receive(self, connection: Connection, frame: str | bytes, now_s: float) -> None:
        self._pass_time(now_s)
        try:
            message = connection.codec.decode(frame, sender="client")
        except MalformedMessage:
            # The real server drops it without a word and keeps the socket (protocol.md §1.8).
            self._frame_truth(connection, Message(None, None, None))
            return
        self._frame_truth(connection, message)
        if not self._state.muted(connection):
            self._dispatch(connection, message, now_s)

    def _frame_truth(self, connection: Connection, message: Message) -> None:
        topic = message.topic
        self._state.truth(
            "frame",
            connection,
            topic=topic.removeprefix(TOPIC_PREFIX) if isinstance(topic, str) else topic,
            event=message.event,
            ref=message.ref,
            join_ref=message.join_ref,
            id=broadcast.user_id(message) if message.event == BROADCAST else None,
        )

    def _dispatch(self, connection: Connection, message: Message, now_s: float) -> None:
        if message.event != PHX_JOIN and self._answered_by_lever(connection, message):
            return
        channel = connection.channels.get(message.topic)
        if message.event not in (PHX_JOIN, PHX_LEAVE):
            self._end_what_it_does(channel, now_s)
            channel = connection.channels.get(message.topic)
        match message.topic, message.event:
            case _, event if event == PHX_LEAVE:
                leave.handle(self._state, connection, message, now_s)
            case str(topic), event if event == PHX_JOIN and topic.startswith(TOPIC_PREFIX):
                join.handle(self._state, connection, message, now_s)
            case topic, event if (topic, event) == (PHOENIX, HEARTBEAT):
                self._state.reply(connection, message, None, "ok", {})
            case _ if channel is None:
                reason = {"reason": "unmatched topic"}
                self._state.reply(connection, message, None, "error", reason)
            case _, str(event) if event in FEATURES:
                FEATURES[event](self._state, channel, message, now_s)
            case _:
                # What means nothing is counted all the same (protocol.md §7.4).
                self._state.limits.events.add(now_s)

    def _end_what_it_does(self, channel: Channel | None, now_s: float) -> None:
        """A channel does one thing after the other: first what it was asked before."""
        if channel in self._state.settling:
            join.settle(self._state, channel, now_s)
        if channel in self._state.leaving:
            leave.finish(self._state, channel)

    def _answered_by_lever(self, connection: Connection, message: Message) -> bool:
        """Whether a lever answers in place of a feature; joins ask for themselves (§2.5)."""
        reason = self.switches.error(connection.id, connection.client, message.topic, message.event)
        if reason is None:
            return False
        self._state.reply(connection, message, message.join_ref, "error", {"reason": reason})
        return True

    def _pass_time(self, now_s: float) -> None:
        self._state.pass_to(now_s)
        if now_s >= self._state.next_sweep_s and not self._state.abandoned:
            life.pass_sweeps(self._state, now_s)

    def _effects(self) -> list[Effect]:
        presence.tell_departures(self._state)
        effects, self._state.effects = self._state.effects, []
        return effects
