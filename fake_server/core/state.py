"""What the server knows: connections, channels, who is in which room, and when tokens run out."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_server.authorization import Access, Attempt
from fake_server.changes.feed import Feed
from fake_server.config import ServerConfig
from fake_server.core.presence import Presence
from fake_server.database import Caller, Database, transaction_time
from fake_server.effects import Effect, Hangup, Kill, Send, SendAll, Truth
from fake_server.elixir import notation
from fake_server.limits import Limits
from fake_server.schema import default_schema
from fake_server.switches.thrown import Switches
from fake_server.tokens import Claims
from harness.protocol import (
    PHX_CLOSE,
    PHX_ERROR,
    PHX_REPLY,
    SYSTEM,
    TOPIC_PREFIX,
    Codec,
    Message,
)

_LOST = 1006
_MAILS_MAX = 1000

Room = tuple[str, bool]
"""A sub-topic and whether it is private: the two of one name never hear each other."""


@dataclass(eq=False, slots=True)
class Channel:
    """One joined topic of one connection."""

    connection: Connection
    topic: str
    join_ref: Any
    """As it came with the join; `phx_close` carries it."""
    push_ref: Any
    """What later replies and pushes carry: the join_ref, or the join's ref where it had none."""
    token: str = field(repr=False)
    claims: Claims
    presence: Presence
    access: Access | None = None
    """What a private channel may; None is a public one, which may everything."""
    ack: bool = False
    hears_itself: bool = False
    bindings: list[dict[str, Any]] = field(default_factory=list)
    """The postgres_changes that the join asked for."""
    old_api: bool = False
    """The join had no config: changes come as events of their own (`protocol.md §2.3`)."""
    wants_replay: Any = None
    """What a join asked to hear again of the past (`protocol.md §4.7`)."""
    wants_ready: bool = False
    """The join asked to be told that the database's messages are listened to."""
    token_check: int = 0
    """Which of the planned looks at its token is the one that counts."""

    @property
    def sub_topic(self) -> str:
        return self.topic.removeprefix(TOPIC_PREFIX)

    @property
    def private(self) -> bool:
        return self.access is not None

    @property
    def room(self) -> Room:
        return self.sub_topic, self.private


@dataclass(eq=False, slots=True)
class Connection:
    """One WebSocket whose handshake succeeded."""

    id: int
    codec: Codec
    token: str = field(repr=False)
    client: str | None
    channels: dict[str, Channel] = field(default_factory=dict)
    waiting_join: Any = None
    """The decided join that is answered when the connection is no longer blocked."""
    app_stopped: bool = False
    """The application behind this connection never speaks again."""


@dataclass(eq=False, slots=True)
class State:
    """Everything that the server knows, and the effects that wait to be taken by the shell."""

    config: ServerConfig
    rng: random.Random = field(repr=False)
    switches: Switches = field(default_factory=Switches)
    connections: dict[int, Connection] = field(default_factory=dict)
    rooms: dict[Room, dict[int, Channel]] = field(default_factory=dict)
    departed: list[Channel] = field(default_factory=list)
    """The channels that ended with something tracked, until their rooms are told."""
    effects: list[Effect] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    abandoned: dict[int, None] = field(default_factory=dict)
    """The connections that have had channels, or tried to, and have none."""
    next_sweep_s: float = 0.0
    """When those are killed next, seconds since the epoch."""
    terminating: bool = False
    """The server was told to end."""
    feed: Feed = field(default_factory=Feed)
    """Who is subscribed to changes of the database."""
    link_lost: bool = False
    """The last try to connect to the database failed."""
    settling: dict[Channel, float] = field(default_factory=dict)
    """Channels whose first subscription is being made, and when it is, in that order."""
    mails: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_MAILS_MAX))
    """What sign-in has mailed; the oldest beyond the bound are forgotten."""
    leaving: dict[Channel, tuple[float, Message]] = field(default_factory=dict)
    """Channels that were asked to leave: when they do, and the request."""
    now_s: float = 0.0
    """When the server was last asked for anything, seconds since the epoch."""
    database: Database = field(init=False, repr=False)
    """The project's tables, and the messages that were sent through them."""
    _checks: list[tuple[float, int, Channel]] = field(default_factory=list)
    _checks_made: int = 0

    def __post_init__(self) -> None:
        schema = self.config.schema or default_schema()
        self.database = Database(schema, self.rng, self.now_s)

    def pass_to(self, now_s: float) -> None:
        """What happens from here on happens at this time, in the database too."""
        self.now_s = now_s
        transaction_time.begin(now_s)

    def muted(self, connection: Connection) -> bool:
        """Whether the application behind this connection is silent."""
        return connection.app_stopped or self.switches.mutes(connection.id, connection.client)

    def truth(self, f: str, connection: Connection | None = None, **value: Any) -> None:
        """Record what happened, on this connection if one is given."""
        who = {} if connection is None else {"conn": connection.id, "client": connection.client}
        self.effects.append(Truth(f, {**who, **value}))

    def write(self, connection: Connection, frame: str | bytes) -> None:
        """Send an encoded frame, unless the application is silent."""
        if self.muted(connection):
            return
        if self.switches.rules:
            self.effects += self.switches.rules.sent(connection, frame)
        else:
            self.effects.append(Send(connection.id, frame))

    def write_all(self, connections: Sequence[Connection], frame: str | bytes) -> None:
        """Send one encoded frame to many, as `write` does to each."""
        if self.switches.rules:
            for connection in connections:
                self.write(connection, frame)
            return
        heard = [each.id for each in connections if not self.muted(each)]
        self.effects.append(SendAll(heard, frame))

    def send(self, connection: Connection, message: Message) -> None:
        """Encode for this connection's version, and send."""
        frame = connection.codec.encode(message, sender="server")
        self.write(connection, notation(frame) if isinstance(frame, str) else frame)

    def reply(
        self, connection: Connection, request: Message, join_ref: Any, status: str, response: Any
    ) -> None:
        """Answer a request with a `phx_reply`."""
        payload = {"status": status, "response": response}
        self.send(connection, Message(request.topic, PHX_REPLY, payload, request.ref, join_ref))

    def push(self, channel: Channel, event: str, payload: Mapping[str, Any]) -> None:
        """Send something to one channel unasked (`protocol.md §1.5`: its join_ref, no ref)."""
        message = Message(channel.topic, event, payload, None, channel.push_ref)
        self.send(channel.connection, message)

    def push_system(
        self, channel: Channel, status: str, text: str, extension: str = "system"
    ) -> None:
        """A `system` message for one channel (`protocol.md §2.7`)."""
        payload = {"message": text, "status": status, "extension": extension}
        self.push(channel, SYSTEM, {**payload, "channel": channel.sub_topic})

    def enter(self, channel: Channel, now_s: float) -> None:
        """The channel is joined from here on."""
        channel.connection.channels[channel.topic] = channel
        self.abandoned.pop(channel.connection.id, None)
        self.limits.users[channel.connection.id] = None
        self.limits.joined(now_s)
        self.rooms.setdefault(channel.room, {})[channel.connection.id] = channel
        self.truth("join", **membership(channel), token_id=channel.claims.token_id)
        self.check_token_later(channel, now_s)

    def quit(self, channel: Channel, by: str) -> None:
        """The channel is no longer joined."""
        del channel.connection.channels[channel.topic]
        self.feed.drop(channel)
        self.settling.pop(channel, None)
        self.leaving.pop(channel, None)
        self.note_channels(channel.connection)
        members = self.rooms[channel.room]
        del members[channel.connection.id]
        if not members:
            del self.rooms[channel.room]
        if channel.presence.meta is not None:
            self.departed.append(channel)
        self.truth("leave", **membership(channel), by=by)

    def note_channels(self, connection: Connection) -> None:
        """A join was tried or a channel has ended: does the connection have any left?"""
        if not connection.channels:
            self.abandoned[connection.id] = None

    def hang_up(self, connection: Connection, code: int) -> None:
        """Close a connection with a close frame."""
        self.effects.append(Hangup(connection.id, code))
        self.forget(connection, code, "server")

    def kill(self, connection: Connection) -> None:
        """The process of a connection was killed: it is gone without a close frame."""
        self.effects.append(Kill(connection.id))
        self.forget(connection, _LOST, "server")

    def forget(self, connection: Connection, code: int, by: str) -> None:
        """A connection has ended; its channels end with it, in silence."""
        del self.connections[connection.id]
        self.switches.rules.forget(connection.id)
        self.truth("disconnect", connection, code=code, by=by)
        for channel in list(connection.channels.values()):
            self.quit(channel, "disconnect")
        self.abandoned.pop(connection.id, None)
        self.limits.users.pop(connection.id, None)

    def close_channel(self, channel: Channel, event: str = PHX_CLOSE) -> None:
        """Say that a channel has ended: `phx_close`, or `phx_error` for a crash (§2.8)."""
        payload = {"reason": "channel_crash"} if event == PHX_ERROR else {}
        message = Message(channel.topic, event, payload, channel.join_ref, channel.join_ref)
        self.send(channel.connection, message)

    def end(self, channel: Channel, reason: str) -> None:
        """The server ends a channel: a system error, then `phx_close`."""
        self.push_system(channel, "error", reason)
        self.quit(channel, "server")
        self.close_channel(channel)

    def crash(self, channel: Channel) -> None:
        """The process of a channel died of what its client sent: `phx_error` (§2.8)."""
        self.quit(channel, "server")
        self.close_channel(channel, PHX_ERROR)

    def access(self, sub_topic: str, claims: Claims) -> Access:
        """What these claims allow in a private channel, not looked up yet (`protocol.md §6.2`)."""
        return Access(self._permits, sub_topic, claims.role, claims.all)

    def check_token_later(self, channel: Channel, now_s: float) -> None:
        """Look at the channel's token when it runs out, or after the interval (§6.5).

        The real server reckons in whole seconds, so that it looks up to a second late (recorded).
        """
        lifetime_s = max(0.0, channel.claims.expires_s - math.floor(now_s))
        when_s = now_s + min(self.config.token_check_interval_s, lifetime_s)
        self._checks_made += 1
        channel.token_check = self._checks_made
        heapq.heappush(self._checks, (when_s, self._checks_made, channel))

    @property
    def next_check_s(self) -> float | None:
        """When the next token has to be looked at."""
        return self._checks[0][0] if self._checks else None

    def due_checks(self, now_s: float) -> list[Channel]:
        """The channels that are still joined and whose tokens have to be looked at now."""
        due = []
        while self._checks and self._checks[0][0] <= now_s:
            _, number, channel = heapq.heappop(self._checks)
            joined = channel.connection.channels.get(channel.topic) is channel
            if joined and channel.token_check == number:
                due.append(channel)
        return due

    def _permits(self, attempt: Attempt) -> bool:
        caller = Caller(attempt.role, attempt.claims)
        return self.database.may_use_topic(
            attempt.command, attempt.sub_topic, attempt.extension, caller
        )


def membership(channel: Channel) -> dict[str, Any]:
    """Who is joined to what, for the ground truth."""
    return {
        "conn": channel.connection.id,
        "client": channel.connection.client,
        "topic": channel.sub_topic,
        "join_ref": channel.join_ref,
    }
