"""The connection without I/O: facts and the time go in, effects and one deadline come out.

The caller's duties: report each fact once, with the loop's time; after each, perform what
`effects()` returns, in order, and call `timer` at `next_deadline()`. Facts about a link carry its
number, so that whatever an old link still has to say is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from json import loads
from random import Random
from typing import Any

from harness.manager.channel_core import ChannelCore
from harness.manager.config import ChannelConfig, Config
from harness.manager.effects import Dial, Effect, HangUp
from harness.manager.errors import AlreadySubscribed, InvalidSetting
from harness.manager.events import (
    Connected,
    DialFailed,
    Lost,
    MalformedReceived,
    Rejected,
    Stopped,
)
from harness.manager.failures import Cause, Failure
from harness.manager.farewells import Farewells
from harness.manager.outlet import Outlet
from harness.manager.pulse import Pulse
from harness.manager.sends import Outgoing, SendResult, check_name
from harness.manager.states import TRANSITIONS, ChannelState, State, step
from harness.manager.stats import Stats
from harness.protocol import (
    BROADCAST,
    HEARTBEAT,
    PHOENIX,
    PHX_CLOSE,
    PHX_ERROR,
    PHX_REPLY,
    POSTGRES_CHANGES,
    SYSTEM,
    TOPIC_PREFIX,
    V2,
    MalformedMessage,
    Message,
    UserBroadcast,
)


class ConnectionCore:
    """One connection and the channels that the application wants on it."""

    channel_type: type[ChannelCore] = ChannelCore

    def __init__(self, *, config: Config, rng: Random, token: str | None = None) -> None:
        self.state = State.STOPPED
        self._config = config
        self._rng = rng
        self._token = token
        self._outlet = Outlet(config.write_backlog_bytes_max)
        self._numbers = count(1)
        # What the application wants, by topic, in the order in which it asked.
        self._channels: dict[str, ChannelCore] = {}
        # What it no longer wants and the server may still have, by number.
        self._leaving: dict[int, ChannelCore] = {}
        # Leaves that are not answered, whoever they were for.
        self._farewells = Farewells(self._outlet, config.leave_timeout_s, config.leaves_max)
        # Of the current link; None without one.
        self._pulse: Pulse | None = None
        self._accepted_at_open = 0
        # Failures since a link was last proven good, and the last of them.
        self._failures = 0
        self._failure: Failure | None = None
        self._retry_s: float | None = None
        # Joins are paced: no join before this.
        self._next_join_s = 0.0
        self._routes: dict[object, Callable[[Message, float], None]] = {
            PHX_REPLY: self._route_reply,
            PHX_CLOSE: self._route_end,
            PHX_ERROR: self._route_end,
            SYSTEM: self._route_system,
            BROADCAST: self._route_broadcast,
            POSTGRES_CHANGES: self._route_change,
        }

    # What the caller collects after each fact.

    def effects(self) -> list[Effect]:
        """What is to be done now, in order."""
        for number in [n for n, c in self._leaving.items() if c.state is ChannelState.GONE]:
            del self._leaving[number]
        return self._outlet.drain()

    def next_deadline(self) -> float | None:
        """When `timer` must be called, on the loop's clock; None if nothing is pending."""
        return min(self._deadlines_s(), default=None)

    @property
    def stats(self) -> Stats:
        """The counters, live."""
        return self._outlet.stats

    # What the application asks.

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        if self.state is State.STOPPED:
            self._failures = 0
            self._dial("start")

    def stop(self) -> None:
        """Hang up and rest. The subscriptions stay; messages that have no result get one."""
        if self.state is State.STOPPED:
            return
        if self._has_link:
            self._outlet.add(HangUp(self._outlet.link, politely=self._pulse is not None))
        reason = "the manager was closed"
        self._drop_link(reason, told=False)
        for channel in self._everyone():
            for settled in channel.outbox.fail_waiting(reason):
                self._outlet.settle(settled)
        self._step("stop")
        self._retry_s = None
        self._outlet.emit(Stopped())
        self._outlet.wake()

    def subscribe(self, topic: str, settings: ChannelConfig) -> ChannelCore:
        """Want a channel, until `unsubscribe`. Call `timer` next, so that it is joined."""
        check_name("topic", topic)
        if topic.startswith(TOPIC_PREFIX):
            raise InvalidSetting(f"topic {topic[:64]!r}: leave out the prefix {TOPIC_PREFIX!r}")
        check_name("topic with its prefix", TOPIC_PREFIX + topic)
        if topic in self._channels:
            raise AlreadySubscribed(
                f"topic {topic!r} is subscribed already: use that channel, or unsubscribe it first"
            )
        for leaving in self._leaving.values():
            if leaving.topic == topic:
                leaving.succeeded()
        channel = self._channels[topic] = self.channel_type(
            next(self._numbers),
            topic,
            settings,
            config=self._config,
            outlet=self._outlet,
            farewells=self._farewells,
            rng=self._rng,
            token=self.token_for_join,
            came_s=self.came_s,
        )
        return channel

    def unsubscribe(self, channel: ChannelCore, now_s: float) -> None:
        """No longer want a channel; asking again changes nothing."""
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]
            self._leaving[channel.number] = channel
            channel.unsubscribe(now_s)

    def set_token(self, token: str) -> None:
        """Use this token from now on: for joins, and at once on joined channels."""
        if not isinstance(token, str) or not token:
            raise InvalidSetting("the token must be a string that is not empty")
        if token == self._token:
            return
        self._token = token
        for channel in self._channels.values():
            channel.token_changed()
        refused = self._failure is not None and self._failure.cause is Cause.UNAUTHORIZED
        if self.state is State.BACKING_OFF and refused:
            self._dial("retry")

    def token_for_join(self) -> str | None:
        """The token that a join carries: always the newest."""
        return self._token

    def broadcast(self, channel: ChannelCore, message: Outgoing) -> None:
        """Send a broadcast now or after the next join; its result comes as an effect."""
        if self.state is State.STOPPED:
            self._outlet.settle((message, SendResult("failed", "the manager is not running")))
        else:
            channel.broadcast(message)

    # What happens to the link.

    def opened(self, link: int, now_s: float) -> None:
        """The handshake is done."""
        if not self._is_current(link, State.CONNECTING):
            return
        self._step("opened")
        self._pulse = Pulse(now_s, self._config.heartbeat_interval_s)
        self._accepted_at_open = self.stats.joins_accepted
        self.stats.handshakes += 1
        self._outlet.emit(Connected())
        for channel in self._channels.values():
            channel.link_opened(now_s)
        self._send_joins(now_s)

    def dial_failed(self, link: int, failure: Failure, now_s: float) -> None:
        """There was no handshake."""
        if not self._is_current(link, State.CONNECTING):
            return
        self._step("failed")
        delay_s = self.schedule_dial(failure, now_s)
        if failure.cause is Cause.UNAUTHORIZED:
            status = failure.http_status or 0
            self._outlet.emit(Rejected(failure.reason, delay_s, status))
        else:
            self._outlet.emit(DialFailed(failure.reason, delay_s))

    def lost(self, link: int, failure: Failure, now_s: float) -> None:
        """The link ended, or was found dead."""
        if not self._is_current(link, State.CONNECTED):
            return
        if self.link_is_proven(now_s):
            self._failures = 0
        self._step("lost")
        self.stats.links_lost += 1
        self._outlet.emit(Lost(failure.reason, self.schedule_dial(failure, now_s)))
        self._drop_link(failure.reason, told=True)

    def received(self, link: int, frame: str | bytes, now_s: float) -> None:
        """A frame came in."""
        if not self._is_current(link, State.CONNECTED):
            return
        assert self._pulse is not None, "connected without a pulse"
        try:
            message = V2.decode(frame, sender="server")
            self._route(message, now_s)
            self._pulse.heard(now_s, asked=self._is_join_owed())
        except MalformedMessage as error:
            self.stats.malformed += 1
            self._outlet.emit(MalformedReceived(str(error)))

    def written(self, link: int, frame_bytes: int) -> None:
        """The socket took a frame."""
        if not self._is_current(link, State.CONNECTED):
            return
        self._outlet.backlog_bytes -= frame_bytes
        for channel in self._channels.values():
            channel.flush()

    def timer(self, now_s: float) -> None:
        """Do whatever is due."""
        if self.state is State.BACKING_OFF and _reached(self._retry_s, now_s):
            self._dial("retry")
        if self.state is State.CONNECTED:
            self._check_pulse(now_s)
        for channel in self._everyone():
            channel.timer(now_s)
        self._farewells.timer(now_s)
        self._send_joins(now_s)

    def woke(self, stood_s: float, now_s: float) -> None:
        """This process stood still, at most for so long by the loop's clock: the link may have died
        unseen.

        It is asked at once. That time is no silence of the peer's, and what is read next may have
        come before: only an answer proves the link.
        """
        if self.state is not State.CONNECTED:
            return
        assert self._pulse is not None, "connected without a pulse"
        self.stats.standstills += 1
        self._pulse.woke(stood_s, now_s)
        self._beat(now_s)

    # Decisions, each replaceable by itself.

    def silence_allowed_s(self) -> float:
        """Silence after a heartbeat that is still no death.

        More while a join is unanswered: the server joins one channel after the other and answers
        nothing else on this socket meanwhile, 5 s for each that fails (`protocol.md §2.5`).
        """
        allowed_s = self._config.heartbeat_timeout_s
        if self._pulse is not None and self._pulse.is_woken:
            # A slow link is not a dead one.
            usual_s = 2 * (self._pulse.round_trip_s or 0.0)
            allowed_s = min(allowed_s, max(self._config.wake_timeout_s, usual_s))
        return max(allowed_s, self._config.join_timeout_s) if self._is_join_owed() else allowed_s

    def came_s(self, now_s: float) -> float:
        """When what is read now came, at the earliest: what was lost before it lies in no gap."""
        return self._pulse.came_s(now_s) if self._pulse else now_s

    def link_is_proven(self, now_s: float) -> bool:
        """Whether the link was good enough for earlier failures to be forgotten.

        Not at the handshake: a server that accepts and then closes would be hammered. It must have
        lived a while and done something useful: accepted a join or, where no channel is wanted,
        answered a heartbeat (`failures.md §D3` note 2; either answer is the round trip).
        """
        assert self._pulse is not None, "only a link can be proven"
        idle_but_alive = not self._channels and self._pulse.round_trip_s is not None
        useful = self.stats.joins_accepted > self._accepted_at_open or idle_but_alive
        return useful and now_s - self._pulse.opened_s >= self._config.stable_after_s

    def schedule_dial(self, failure: Failure, now_s: float) -> float:
        """Fix the next dial, always; returns the seconds until then."""
        delay_s = self._config.reconnect.delay_s(self._failures, failure, self._rng)
        self._failures += 1
        self._failure = failure
        self._retry_s = now_s + delay_s
        return delay_s

    # Private parts: the link.

    @property
    def _has_link(self) -> bool:
        return self.state in (State.CONNECTING, State.CONNECTED)

    def _is_current(self, link: int, state: State) -> bool:
        return link == self._outlet.link and self.state is state

    def _dial(self, event: str) -> None:
        self._step(event)
        self._retry_s = None
        self._outlet.link += 1
        self._outlet.backlog_bytes = 0
        self.stats.dials += 1
        self._outlet.add(Dial(self._outlet.link))

    def _drop_link(self, reason: str, *, told: bool) -> None:
        heard_s = self._pulse.heard_s if self._pulse else 0.0
        self._pulse = None
        self._farewells.link_lost()
        for channel in self._everyone():
            channel.link_lost(reason, heard_s, told=told)

    def _check_pulse(self, now_s: float) -> None:
        assert self._pulse is not None, "connected without a pulse"
        if _reached(self._death_s(), now_s):
            self.stats.heartbeat_timeouts += 1
            # At once: a peer that does not answer heartbeats will not answer a close frame.
            self._outlet.add(HangUp(self._outlet.link, politely=False))
            silent_s = now_s - self._pulse.quiet_since_s
            self.lost(
                self._outlet.link,
                Failure(f"no answer to a heartbeat or join; silent for {silent_s:.1f} s"),
                now_s,
            )
        elif now_s >= self._pulse.next_beat_s:
            self._beat(now_s)

    def _beat(self, now_s: float) -> None:
        assert self._pulse is not None, "connected without a pulse"
        ref = self._outlet.next_ref()
        self._pulse.beat(ref, now_s)
        self.stats.heartbeats_sent += 1
        self._outlet.push(PHOENIX, HEARTBEAT, {}, ref=ref)

    def _death_s(self) -> float | None:
        if self._pulse is None:
            return None
        return self._pulse.death_s(self.silence_allowed_s(), self._config.join_silence_max_s)

    def _step(self, event: str) -> None:
        self.state = step(TRANSITIONS, self.state, event)

    # Private parts: the channels.

    def _everyone(self) -> list[ChannelCore]:
        return [*self._channels.values(), *self._leaving.values()]

    def _is_join_owed(self) -> bool:
        return any(channel.unanswered_join for channel in self._everyone())

    def _send_joins(self, now_s: float) -> None:
        for channel in self._waiting():
            if now_s < self._next_join_s:
                return
            if now_s >= channel.retry_s:
                self._send_join(channel, now_s)

    def _send_join(self, channel: ChannelCore, now_s: float) -> None:
        assert self._pulse is not None, "a join without a link"
        self._pulse.asked(now_s)
        self._next_join_s = now_s + 1.0 / self._config.joins_per_s
        channel.join(now_s)

    def _waiting(self) -> Iterator[ChannelCore]:
        if self.state is State.CONNECTED:
            yield from (c for c in self._channels.values() if c.state is ChannelState.WAITING)

    def _deadlines_s(self) -> Iterator[float]:
        if self._retry_s is not None:
            yield self._retry_s
        if self._pulse is not None:
            yield self._pulse.next_beat_s
        death_s = self._death_s()
        if death_s is not None:
            yield death_s
        for channel in self._everyone():
            yield from channel.deadlines_s()
        yield from self._farewells.deadlines_s()
        yield from (max(c.retry_s, self._next_join_s) for c in self._waiting())

    # Private parts: what the server says.

    def _route(self, message: Message, now_s: float) -> None:
        if message.topic == PHOENIX:
            assert self._pulse is not None, "connected without a pulse"
            self._pulse.answered(message.ref, now_s)
            return
        route = self._routes.get(message.event)
        if route is not None:
            route(message, now_s)

    def _of_topic(self, topic: object) -> Iterator[ChannelCore]:
        return (channel for channel in self._everyone() if channel.wire_topic == topic)

    def _route_reply(self, message: Message, now_s: float) -> None:
        payload = _object(message.payload, "the payload of a reply")
        status, response = str(payload.get("status")), payload.get("response")
        known = self._farewells.answered(message.topic, message.ref)
        for channel in self._of_topic(message.topic):
            known = channel.replied(message.ref, status, response, now_s) or known
        if not known:
            self.stats.stale += 1

    def _route_end(self, message: Message, now_s: float) -> None:
        join_ref = message.ref if message.join_ref is None else message.join_ref
        word = "closed" if message.event == PHX_CLOSE else "crashed"
        ends = (
            c.ended(join_ref, self._reason(c, word), now_s) for c in self._of_topic(message.topic)
        )
        if not any(ends):
            self.stats.stale += 1

    def _reason(self, channel: ChannelCore, word: str) -> str:
        return f"{word} by the server" + (f": {channel.reason}" if channel.reason else "")

    def _route_system(self, message: Message, now_s: float) -> None:
        payload = _object(message.payload, "the payload of a system message")
        for channel in self._of_topic(message.topic):
            channel.noticed(
                message.join_ref,
                payload.get("extension"),
                str(payload.get("status")),
                str(payload.get("message")),
                now_s,
            )

    def _route_broadcast(self, message: Message, now_s: float) -> None:
        event, payload = _broadcast_of(message.payload)
        for channel in self._of_topic(message.topic):
            channel.received(event, payload)

    def _route_change(self, message: Message, now_s: float) -> None:
        for channel in self._of_topic(message.topic):
            channel.changed(message.payload, now_s)


def _reached(deadline_s: float | None, now_s: float) -> bool:
    return deadline_s is not None and now_s >= deadline_s


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedMessage(f"{what} is not an object")
    return value


def _broadcast_of(payload: Any) -> tuple[str, Any]:
    """The event and payload that the sender gave, whichever way they came (`protocol.md §4.2`)."""
    if isinstance(payload, bytes):
        return BROADCAST, payload
    if not isinstance(payload, UserBroadcast):
        fields = _object(payload, "the payload of a broadcast")
        return str(fields.get("event")), fields.get("payload")
    if payload.encoding == "binary":
        return payload.event, payload.payload
    try:
        return payload.event, loads(payload.payload)
    except (ValueError, RecursionError):
        raise MalformedMessage("a broadcast that calls itself JSON is not") from None
