"""Frame rules: what happens to single frames between the core and the wire, either way.

A rule sees every frame of one sender, picks some by scope and choice, and says what comes out in
their place: nothing, two of them, a broken one, the same one later. The rules work one after
another, in the order in which they were pulled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from fake_server.effects import Arrive, Effect, Later, Send
from fake_server.switches import mangle
from fake_server.switches.mangle import Frame
from fake_server.switches.where import Choice, Where
from harness.protocol import PHX_REPLY, Codec, MalformedMessage, Message, Sender

_ASKED_MAX = 10_000
"""How many requests are remembered, to know what a reply answers; the oldest are forgotten."""


class Peer(Protocol):
    """The connection that a frame is on."""

    @property
    def id(self) -> int: ...
    @property
    def client(self) -> str | None: ...
    @property
    def codec(self) -> Codec: ...


@dataclass(frozen=True, slots=True)
class Out:
    """A frame that comes out of a rule."""

    frame: Frame
    delay_s: float = 0.0
    held_by: Rule | None = None
    """The rule that holds it back until the next frame of its connection and sender has passed."""


@dataclass(eq=False, slots=True, kw_only=True)
class Rule:
    """What to do with which frames of one sender."""

    act: Act
    sender: Sender = "server"
    where: Where
    choice: Choice
    only: Callable[[Message], bool] = lambda message: True
    """What else a message has to be, beyond the scope."""


Act = Callable[[Rule, Frame], list[Out]]
"""What a rule does to a frame that it has picked."""


def drop(rule: Rule, frame: Frame) -> list[Out]:
    """Nothing comes out."""
    return []


def duplicate(rule: Rule, frame: Frame, times: int, gap_s: float) -> list[Out]:
    """The frame, and then `times` more, each `gap_s` after the one before."""
    return [Out(frame, number * gap_s) for number in range(times + 1)]


def late(rule: Rule, frame: Frame, delay_s: float, jitter_s: float) -> list[Out]:
    """The frame comes later, and what follows it overtakes it."""
    return [Out(frame, delay_s + jitter_s * rule.choice.rng.random())]


def reorder(rule: Rule, frame: Frame) -> list[Out]:
    """The frame comes right after the one that follows it."""
    return [Out(frame, held_by=rule)]


def corrupt(rule: Rule, frame: Frame, how: str) -> list[Out]:
    """The frame comes broken; `any` is one way or another."""
    rng = rule.choice.rng
    name = rng.choice(list(mangle.CORRUPTIONS)) if how == "any" else how
    return [Out(mangle.CORRUPTIONS[name](frame, rng))]


def oversize(rule: Rule, frame: Frame, more_bytes: int) -> list[Out]:
    """The frame comes with a payload that is so much larger."""
    return [Out(mangle.oversize(frame, more_bytes))]


class Rules:
    """Every rule in force, and the frames that they hold back."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._asked: dict[tuple[int, str, str], str] = {}
        self._held: dict[tuple[int, Sender], list[Out]] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, rule: Rule) -> None:
        """Put a rule in force, after those that are."""
        self._rules.append(rule)

    def remove(self, rule: Rule) -> list[Effect]:
        """Take a rule back; returns what becomes of the frames that it held. Idempotent."""
        if rule not in self._rules:
            return []
        self._rules.remove(rule)
        released: list[Effect] = []
        for (conn, sender), held in list(self._held.items()):
            mine = [out for out in held if out.held_by is rule]
            self._keep(conn, sender, [out for out in held if out.held_by is not rule])
            released += [_effect(conn, sender, out) for out in mine]
        return released

    def sent(self, peer: Peer, frame: Frame) -> list[Effect]:
        """What goes out in place of a frame that the server sends: now, or later."""
        return self._pass(peer, "server", frame)

    def arriving(self, peer: Peer, frame: Frame) -> list[Effect]:
        """What comes in, as `Arrive`, in place of a frame that the client sent: now, or later."""
        message = _decode(peer, "client", frame)
        if message is not None:
            self._remember(peer, message)
        return self._pass(peer, "client", frame)

    def forget(self, conn: int) -> None:
        """A connection has ended: what was held back for it is lost."""
        senders: tuple[Sender, ...] = ("client", "server")
        for sender in senders:
            self._held.pop((conn, sender), None)

    def _pass(self, peer: Peer, sender: Sender, frame: Frame) -> list[Effect]:
        outs = [Out(frame)]
        for rule in self._rules:
            if rule.sender == sender:
                outs = [out for one in outs for out in self._struck(rule, peer, one)]
        passed = [out for out in outs if out.held_by is None]
        held = self._held.get((peer.id, sender), [])
        if passed:
            passed, held = passed + held, []
        self._keep(peer.id, sender, held + [out for out in outs if out.held_by is not None])
        return [_effect(peer.id, sender, out) for out in passed]

    def _keep(self, conn: int, sender: Sender, held: list[Out]) -> None:
        self._held.pop((conn, sender), None)
        if held:
            self._held[conn, sender] = held

    def _struck(self, rule: Rule, peer: Peer, out: Out) -> list[Out]:
        if out.held_by is not None or not self._matches(rule, peer, out.frame):
            return [out]
        if not rule.choice.takes():
            return [out]
        struck = rule.act(rule, out.frame)
        return [replace(one, delay_s=one.delay_s + out.delay_s) for one in struck]

    def _matches(self, rule: Rule, peer: Peer, frame: Frame) -> bool:
        where = rule.where
        if not where.covers(peer.id, peer.client):
            return False
        # What is no message has neither topic nor event; only rules about everything take it.
        message = _decode(peer, rule.sender, frame) or Message(None, None, None)
        return (
            where.names(message.topic)
            and where.event in (None, message.event)
            and (where.answers is None or self._answered(peer, message) == where.answers)
            and rule.only(message)
        )

    def _remember(self, peer: Peer, message: Message) -> None:
        if message.ref is None:
            return
        self._asked[_request(peer, message)] = message.event
        if len(self._asked) > _ASKED_MAX:
            del self._asked[next(iter(self._asked))]

    def _answered(self, peer: Peer, message: Message) -> str | None:
        if message.event != PHX_REPLY:
            return None
        return self._asked.get(_request(peer, message))


def _request(peer: Peer, message: Message) -> tuple[int, str, str]:
    return peer.id, str(message.topic), str(message.ref)


def _decode(peer: Peer, sender: Sender, frame: Frame) -> Message | None:
    try:
        return peer.codec.decode(frame, sender=sender)
    except MalformedMessage:
        return None


_MADE: Mapping[Sender, type[Send] | type[Arrive]] = {"server": Send, "client": Arrive}


def _effect(conn: int, sender: Sender, out: Out) -> Effect:
    done = _MADE[sender](conn, out.frame)
    return Later(out.delay_s, done) if out.delay_s > 0 else done
