"""A core on the bench: a clock that jumps, a pen for the server's part, all that came out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from harness.manager import (
    Change,
    ChannelConfig,
    ChannelState,
    Config,
    ConnectionCore,
    Event,
    Failure,
    SendResult,
    State,
)
from harness.manager.channel_core import ChannelCore
from harness.manager.effects import Deliver, DeliverChange, Dial, Emit, HangUp, Settle, Write
from harness.manager.sends import Outgoing, outgoing
from harness.protocol import V1, V2, Message
from tests.golden_frames import frames

E = TypeVar("E", bound=Event)


class Bench:
    """Feeds facts to a core as the shell does, and performs its effects by writing them down."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        seed: int = 1,
        token: str | None = None,
        core_type: type[ConnectionCore] = ConnectionCore,
    ) -> None:
        self.now_s = 0.0
        self.core = core_type(config=config or Config(), rng=Random(seed), token=token)
        self.link = 0
        self.dialled_s: list[float] = []
        self.written: list[tuple[float, Message]] = []
        self.hung_up: list[HangUp] = []
        self.events: list[Event] = []
        self.delivered: list[tuple[str, Any]] = []
        self.changes: list[Change] = []
        self.results: dict[Outgoing, SendResult] = {}

    # Facts.

    def start(self) -> None:
        self.core.start()
        self.collect()

    def opened(self) -> None:
        self.core.opened(self.link, self.now_s)
        self.collect()

    def connect(self) -> None:
        """Start if need be, wait for the dial, and open."""
        self.start()
        dials = len(self.dialled_s)
        while self.core.state.value != "connecting":
            self.run(until_s=self.deadline_s())
        assert len(self.dialled_s) >= dials
        self.opened()

    def lose(self, failure: Failure | None = None) -> None:
        self.core.lost(self.link, failure or Failure("reset"), self.now_s)
        self.collect()

    def refuse(self, failure: Failure | None = None) -> None:
        self.core.dial_failed(self.link, failure or Failure("refused"), self.now_s)
        self.collect()

    def say(self, message: Message) -> None:
        """The server writes a message."""
        self.hear(V2.encode(message, sender="server"))

    def hear(self, frame: str | bytes) -> None:
        """A frame comes in."""
        self.core.received(self.link, frame, self.now_s)
        self.collect()

    def reply(self, message: Message, status: str = "ok", response: Any = None) -> None:
        """The server answers what the client wrote."""
        payload = {"status": status, "response": {} if response is None else response}
        self.say(replace(message, event="phx_reply", payload=payload, kind=TEXT))

    def end(self, join_ref: Any, topic: str = "realtime:room1", event: str = "phx_close") -> None:
        """The server closes a channel."""
        self.say(Message(topic, event, {}, ref=join_ref, join_ref=join_ref))

    def stand_still(self, seconds: float) -> None:
        """Time passes and nothing runs; the shell notices afterwards, before any timer."""
        self.now_s += seconds
        self.core.woke(seconds, self.now_s)
        self.collect()

    def stop(self) -> None:
        self.core.stop()
        self.collect()

    # The application.

    def subscribe(self, topic: str = "room1", **settings: Any) -> ChannelCore:
        channel = self.core.subscribe(topic, ChannelConfig(**settings))
        self.core.timer(self.now_s)
        self.collect()
        return channel

    def unsubscribe(self, channel: ChannelCore) -> None:
        self.core.unsubscribe(channel, self.now_s)
        self.collect()

    def set_token(self, token: str) -> None:
        self.core.set_token(token)
        self.collect()

    def send(self, channel: ChannelCore, payload: Any = 1, timeout_s: float = 10.0) -> Outgoing:
        message = outgoing("n", payload)
        message.expires_s = self.now_s + timeout_s
        self.core.broadcast(channel, message)
        self.collect()
        return message

    def joined(self, topic: str = "room1", **settings: Any) -> ChannelCore:
        """A channel that is joined on a link that stands."""
        self.connect()
        channel = self.subscribe(topic, **settings)
        self.reply(self.last("phx_join"))
        return channel

    # Time.

    def deadline_s(self) -> float:
        deadline_s = self.core.next_deadline()
        assert deadline_s is not None, "nothing is pending"
        return deadline_s

    def run(self, *, until_s: float) -> None:
        """Let time pass, as the loop would: from deadline to deadline."""
        steps = 0
        while (deadline_s := self.core.next_deadline()) is not None and deadline_s <= until_s:
            self.now_s = max(self.now_s, deadline_s)
            self.core.timer(self.now_s)
            self.collect()
            steps += 1
            assert steps < 100_000, "the core is busy without time passing"
        self.now_s = max(self.now_s, until_s)

    def run_for(self, seconds_s: float) -> None:
        self.run(until_s=self.now_s + seconds_s)

    # What came out.

    def collect(self) -> None:
        for effect in self.core.effects():
            match effect:
                case Dial(link):
                    self.link = link
                    self.dialled_s.append(self.now_s)
                case Write(link, frame):
                    assert link == self.link, "written to a link that is gone"
                    message = V2.decode(frame, sender="client")
                    self.written.append((self.now_s, message))
                    self.core.written(link, len(frame))
                case HangUp():
                    self.hung_up.append(effect)
                case Emit(event):
                    self.events.append(event)
                case Deliver(_, event_name, payload):
                    self.delivered.append((event_name, payload))
                case DeliverChange(_, change):
                    self.changes.append(change)
                case Settle(message, result):
                    assert message not in self.results, "settled twice"
                    self.results[message] = result

    def sent(self, event: str) -> list[Message]:
        """What was written with this event."""
        return [message for _, message in self.written if message.event == event]

    def sent_s(self, event: str) -> list[float]:
        """When."""
        return [time_s for time_s, message in self.written if message.event == event]

    def last(self, event: str) -> Message:
        return self.sent(event)[-1]

    def told(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def outcome(self, message: Outgoing) -> str | None:
        with suppress(KeyError):
            return self.results[message].outcome
        return None


TEXT = Message("", "", None).kind


def recorded(case: str, event: str) -> Iterator[Message]:
    """What the real server sent in a recording, of one event."""
    codec = V1 if case.endswith(".v1") else V2
    found = [
        codec.decode(frame.data, sender="server")
        for frame in frames()
        if f"{frame.server}/{frame.case}" == case and frame.dir == "server"
    ]
    messages = [message for message in found if message.event == event]
    assert messages, f"no {event} in {case}"
    return iter(messages)


def state_of(holder: ConnectionCore | ChannelCore) -> State | ChannelState:
    """Its state now: a call, so that a type checker does not take the last answer for this one."""
    return holder.state
