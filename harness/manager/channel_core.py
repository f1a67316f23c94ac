"""One channel without I/O: join, rejoin, leave, and whose closing is whose."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from harness.manager.backoff import Refusal, refusal_of
from harness.manager.config import ChannelConfig, Config
from harness.manager.effects import Deliver, DeliverChange
from harness.manager.events import (
    ChannelClosed,
    ChannelLost,
    Gap,
    Joined,
    JoinFailed,
    Overflowed,
    ServerNotice,
)
from harness.manager.farewells import Farewells
from harness.manager.feed import Feed
from harness.manager.outlet import Outlet
from harness.manager.sends import Outbox, Outgoing, SendResult
from harness.manager.states import CHANNEL_TRANSITIONS, ChannelState, step
from harness.protocol import (
    ACCESS_TOKEN,
    BROADCAST,
    PHX_JOIN,
    POSTGRES_CHANGES,
    TOPIC_PREFIX,
    Kind,
    Message,
    UserBroadcast,
)


class ChannelCore:
    """The application's wish for one topic, and what is known of its fulfilment.

    Lives from `subscribe` to GONE. Takes facts and `now_s`; what it decides goes to the outlet.
    """

    feed_type: type[Feed] = Feed

    def __init__(
        self,
        number: int,
        topic: str,
        settings: ChannelConfig,
        *,
        config: Config,
        outlet: Outlet,
        farewells: Farewells,
        rng: Random,
        token: Callable[[], str | None],
        came_s: Callable[[float], float],
    ) -> None:
        # Tells this channel from an earlier one of the same topic.
        self.number = number
        self.topic = topic
        self.wire_topic = TOPIC_PREFIX + topic
        self.state = ChannelState.WAITING
        self.outbox = Outbox(config)
        self.feed = self.feed_type(
            topic, settings.changes, config=config, outlet=outlet, rng=rng, came_s=came_s
        )
        # Why it is not joined, for whoever waits.
        self.reason = "no connection yet"
        # When the next join may be sent; counts while WAITING on a link that stands.
        self.retry_s = 0.0
        # The newest join that the server has not answered: while there is one, the server may be
        # too busy joining to answer anything else on this socket (`protocol.md §2.5`).
        self.unanswered_join: str | None = None
        self._settings = settings
        self._config = config
        self._outlet = outlet
        self._farewells = farewells
        self._rng = rng
        self._token = token
        self._came_s = came_s
        self._join_ref: str | None = None
        self._leave_ref: str | None = None
        # The token that the server has from us for this join.
        self._token_sent: str | None = None
        # When a join or a leave that is not answered is given up.
        self._answer_due_s: float | None = None
        self._joined_s = 0.0
        self._failures = 0
        # The beginning of the gap since the channel was last joined; None if it never was.
        self._gap_from_s: float | None = None

    @property
    def listens(self) -> bool:
        """Whether it asked for changes of tables."""
        return bool(self._settings.changes)

    # Facts about the link.

    def link_opened(self, now_s: float) -> None:
        """There is a new link: join on it, whatever went wrong on the old one."""
        self.retry_s = now_s

    def link_lost(self, reason: str, heard_s: float, *, told: bool = True) -> None:
        """The link is gone, and with it everything that the server knew of this channel."""
        self.unanswered_join = None
        self._answer_due_s = None
        if self.state is ChannelState.LEAVING:
            self._gone("link lost", reason)
        elif self.state in (ChannelState.JOINING, ChannelState.JOINED):
            self._fall("link lost", reason, since_s=heard_s, told=told)

    # Joining.

    def join(self, now_s: float) -> None:
        """Send the join. The caller keeps the pace and sees that there is a link."""
        ref = self._join_ref = self.unanswered_join = self._outlet.next_ref()
        self._token_sent = self._token()
        self._farewells.superseded(self.wire_topic)
        self._step("join")
        self._answer_due_s = now_s + self._config.join_timeout_s
        self._outlet.stats.joins_sent += 1
        self._outlet.push(self.wire_topic, PHX_JOIN, self._join_payload(), ref=ref, join_ref=ref)

    def replied(self, ref: object, status: str, response: Any, now_s: float) -> bool:
        """The server answered `ref`; returns whether that was anything of this channel's."""
        message = self.outbox.answered(ref) if isinstance(ref, str) else None
        if message is not None:
            self._send_answered(message, status, _reason_of(response), now_s)
        elif ref == self._leave_ref and self.state is ChannelState.LEAVING:
            self._gone("left", "unsubscribed")
        elif ref == self.unanswered_join and ref is not None:
            self._join_answered(status, response, now_s)
        else:
            return False
        return True

    def token_changed(self) -> None:
        """There is a new token: a joined channel hands it on, and one that was refused or closed
        for the old one has nothing to wait for."""
        if self.state is ChannelState.WAITING and refusal_of(self.reason) is Refusal.UNAUTHORIZED:
            self._failures = 0
            self.retry_s = 0.0
        self.refresh_token()

    def refresh_token(self) -> None:
        """Give the server the current token if the join carried another.

        Also right after a join is accepted: the token may have changed while it was on its way.
        """
        token = self._token()
        if self.state is not ChannelState.JOINED or token is None or token == self._token_sent:
            return
        self._token_sent = token
        payload, ref = {"access_token": token}, self._outlet.next_ref()
        self._outlet.push(self.wire_topic, ACCESS_TOKEN, payload, ref=ref, join_ref=self._join_ref)

    # Ending.

    def is_current(self, join_ref: object) -> bool:
        """Whether a `phx_close` or `phx_error` means the join that we hold now.

        Phoenix closes the old channel *after* it has answered the new join (`protocol.md §2.8`): a
        client that takes this for its own leaves the channel that it has just joined.
        """
        return join_ref == self._join_ref

    def ended(self, join_ref: object, reason: str, now_s: float) -> bool:
        """The server ended a channel; returns whether it was this one."""
        if not self.is_current(join_ref) or self.state in (ChannelState.WAITING, ChannelState.GONE):
            return False
        if self.state is ChannelState.LEAVING:
            self._gone("left", "unsubscribed")
            return True
        self.unanswered_join = None
        self._forget_old_failures(now_s)
        self._fall("ended", reason, since_s=self._came_s(now_s))
        self._back_off(reason, now_s)
        return True

    def noticed(
        self, join_ref: object, extension: object, status: str, message: str, now_s: float
    ) -> None:
        """The server sent a `system` message; an error is mostly followed by `phx_close`.

        Not so one about changes: the channel stays joined.
        """
        self._outlet.emit(ServerNotice(self.topic, status, message))
        if extension != POSTGRES_CHANGES:
            self.reason = message if status == "error" else self.reason
        elif self.is_current(join_ref):
            self.feed.noticed(status, message, now_s)

    def unsubscribe(self, now_s: float) -> None:
        """The application does not want the channel any more."""
        for settled in self.outbox.fail_waiting("the channel was unsubscribed"):
            self._outlet.settle(settled)
        if self.state is ChannelState.WAITING:
            self._gone("unsubscribe", "unsubscribed")
        elif self.state in (ChannelState.JOINING, ChannelState.JOINED):
            self._answer_due_s = now_s + self._config.leave_timeout_s
            self.send_leave()
            self._step("leave")
            self.feed.lost("unsubscribed", told=False)

    def succeeded(self) -> None:
        """The application wants the topic again, in a new channel, before the leave is answered.

        This one is over now: its end, told after its successor's join, would be taken for that
        one's. The leave is said again until the new join is sent.
        """
        if self.state is ChannelState.LEAVING:
            self._gone("succeeded", "unsubscribed")

    def send_leave(self) -> None:
        """Take back the current join, answered or not: the server handles one after the other."""
        assert self._answer_due_s is not None, "a leave needs a time by which it is answered"
        join_ref, due_s = self._join_ref, self._answer_due_s
        self._leave_ref = self._farewells.say(self.wire_topic, join_ref, due_s)

    # Broadcasts.

    def broadcast(self, message: Outgoing) -> None:
        """Take a broadcast, and write it at once where that is possible."""
        if self.state in (ChannelState.LEAVING, ChannelState.GONE):
            self._outlet.settle((message, SendResult("failed", "the channel is unsubscribed")))
        elif self.outbox.offer(message):
            self.flush()
        else:
            waiting, size = len(self.outbox), self.outbox.waiting_bytes
            self._outlet.emit(Overflowed(self.topic, waiting, size))
            full = f"the send buffer is full: {waiting} messages, {size} bytes"
            self._outlet.settle((message, SendResult("overflowed", full)))

    def flush(self) -> None:
        """Write what waits, in order, as far as the channel and the socket allow."""
        while self.state is ChannelState.JOINED and self._outlet.has_room:
            message = self.outbox.take()
            if message is None:
                return
            self._write(message)

    def received(self, event: str, payload: Any) -> None:
        """A broadcast came in. Nothing for a topic precedes the answer to its join (§2.9)."""
        if self.state is ChannelState.JOINED:
            self._outlet.stats.received += 1
            self._outlet.add(Deliver(self.number, event, payload))

    def changed(self, payload: Any, now_s: float) -> None:
        """A change of a table came in. Raises `MalformedMessage`."""
        change = self.feed.received(payload, now_s)
        if change is not None:
            self._outlet.add(DeliverChange(self.number, change))

    # Time.

    def timer(self, now_s: float) -> None:
        """Do what is due."""
        for settled in self.outbox.expire(now_s):
            self._outlet.settle(settled)
        self.flush()  # An expired message may have made room for one that waits.
        if self.feed.due_s is not None and now_s >= self.feed.due_s:
            self._renew_feed(now_s)
        if self._answer_due_s is None or now_s < self._answer_due_s:
            return
        if self.state is ChannelState.JOINING:
            self._join_timed_out(now_s)
        else:
            self._gone("timed out", "unsubscribed; the server did not answer the leave")

    def deadlines_s(self) -> list[float]:
        """When `timer` must be called at the latest."""
        times_s = (self._answer_due_s, self.outbox.deadline_s(), self.feed.due_s)
        return [time_s for time_s in times_s if time_s is not None]

    # Private parts.

    def _join_payload(self) -> dict[str, Any]:
        settings = self._settings
        payload: dict[str, Any] = {
            "config": {
                "broadcast": {"ack": settings.ack, "self": settings.receive_own},
                "presence": {"key": "", "enabled": False},
                "postgres_changes": [binding.wire() for binding in settings.changes],
                "private": settings.private,
            }
        }
        if self._token_sent is not None:
            payload["access_token"] = self._token_sent
        return payload

    def _join_answered(self, status: str, response: Any, now_s: float) -> None:
        self.unanswered_join = None
        if self.state is not ChannelState.JOINING:
            return  # Given up or unsubscribed meanwhile: its leave is on the way.
        self._answer_due_s = None
        if status == "ok":
            self._accepted(response, now_s)
        else:
            self._join_failed("refused", f"join refused: {_reason_of(response)}", now_s)

    def _accepted(self, response: Any, now_s: float) -> None:
        self._step("accepted")
        self._joined_s = now_s
        self.reason = ""
        self._outlet.stats.joins_accepted += 1
        self._outlet.emit(Joined(self.topic))
        if self._gap_from_s is not None:
            self._outlet.stats.gaps += 1
            self._outlet.emit(Gap(self.topic, self._gap_from_s, now_s))
        self.feed.joined(response, now_s)
        self._outlet.wake()
        self.refresh_token()
        self.flush()

    def _join_timed_out(self, now_s: float) -> None:
        # The server may still come to it: without a leave it would hold a join that nobody owns.
        self._answer_due_s = now_s + self._config.leave_timeout_s
        self.send_leave()
        timeout_s = self._config.join_timeout_s
        self._join_failed("timed out", f"join not answered within {timeout_s:g} s", now_s)

    def _renew_feed(self, now_s: float) -> None:
        # Only a new join has a dead feed revived; the leave has the server forget the old one. At
        # once, for broadcasts are missed meanwhile: the feed has its own, longer ladder.
        reason = self.feed.overdue()
        self._answer_due_s = now_s + self._config.leave_timeout_s
        self.send_leave()
        self._fall("feed dead", reason, since_s=self._came_s(now_s))
        self.retry_s = now_s

    def _join_failed(self, event: str, reason: str, now_s: float) -> None:
        self._step(event)
        self._answer_due_s = None
        self.reason = reason
        self._outlet.stats.joins_failed += 1
        delay_s = self._back_off(reason, now_s)
        self._outlet.emit(JoinFailed(self.topic, reason, delay_s))

    def _back_off(self, reason: str, now_s: float) -> float:
        if self._token() != self._token_sent:
            self._failures = 0  # They are the old token's; the next join brings the new one.
        delay_s = self._config.rejoin.delay_s(self._failures, reason, self._rng)
        self._failures += 1
        self.retry_s = now_s + delay_s
        return delay_s

    def _forget_old_failures(self, now_s: float) -> None:
        # At the loss and not at the join: a channel that is accepted and then thrown out, again
        # and again, must back off too.
        joined = self.state is ChannelState.JOINED
        if joined and now_s - self._joined_s >= self._config.stable_after_s:
            self._failures = 0

    def _fall(self, event: str, reason: str, *, since_s: float, told: bool = True) -> None:
        was_joined = self.state is ChannelState.JOINED
        self._step(event)
        self._answer_due_s = None
        self.reason = reason
        for settled in self.outbox.lose_in_flight(reason):
            self._outlet.settle(settled)
        if was_joined:
            self._gap_from_s = since_s - self._config.broadcast_lag_max_s
            self.feed.lost(reason, told=told)
            if told:
                self._outlet.emit(ChannelLost(self.topic, reason))

    def _gone(self, event: str, reason: str) -> None:
        self._step(event)
        self._answer_due_s = None
        self.reason = reason
        for settled in self.outbox.lose_in_flight(reason):
            self._outlet.settle(settled)
        self._outlet.emit(ChannelClosed(self.topic, reason))
        self._outlet.wake()

    def _write(self, message: Outgoing) -> None:
        ref = self._outlet.next_ref()
        payload = UserBroadcast(message.event, message.data, message.encoding)
        kind = Kind.USER_BROADCAST_PUSH
        self._outlet.stats.broadcasts_written += 1
        self._outlet.write(
            Message(self.wire_topic, BROADCAST, payload, ref, self._join_ref, kind=kind)
        )
        if self._settings.ack:
            self.outbox.written(ref, message)
        else:
            self._outlet.settle((message, SendResult("unknown", "written; no ack was asked for")))

    def _send_answered(self, message: Outgoing, status: str, reason: str, now_s: float) -> None:
        if status == "ok":
            self._outlet.settle((message, SendResult("acked")))
        else:
            self._outlet.settle((message, SendResult("failed", f"refused by the server: {reason}")))
        if reason == _UNMATCHED and self.state is ChannelState.JOINED:
            # The server does not hold our join, whatever we believe (`protocol.md §1.8`).
            self.ended(self._join_ref, "the server does not know the join", now_s)
        self.flush()

    def _step(self, event: str) -> None:
        self.state = step(CHANNEL_TRANSITIONS, self.state, event)


_REASON_CHARS_MAX = 200
_UNMATCHED = "unmatched topic"


def _reason_of(response: Any) -> str:
    """The server's own words from an error reply, whatever its shape (`protocol.md §2.6, §4.3`)."""
    if isinstance(response, dict):
        response = response.get("reason", response.get("error", "no reason given"))
    return str(response)[:_REASON_CHARS_MAX]
