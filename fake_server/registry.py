"""Every lever by its name: what it does, its parameters, and how it is pulled.

The vocabulary is that of `failures.md §0.3`, as far as a server can speak it. Whatever pulls
levers, Python, HTTP or the nemesis, pulls these.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fake_server import rules
from fake_server.core.effects import Effect
from fake_server.core.trouble import TROUBLES, UNREACHABLE
from fake_server.features.postgres_changes import TIMEOUTS
from fake_server.handshake import CONNECT_ERRORS
from fake_server.levers import HttpRefusal, Kind, Switch
from fake_server.life import DRAIN_BATCH, DRAIN_GAP_S, LINGER_S
from fake_server.mangle import CORRUPTIONS
from fake_server.node import Node
from fake_server.parameters import (
    CLOSE_CODE,
    COUNT,
    DURATION,
    FLAG,
    OBJECT,
    PATH,
    REQUIRED,
    SECONDS,
    SEED,
    SHARE,
    SHIFT,
    STATUS,
    TEXT,
    BadLever,
    Parameter,
    checked,
    one_of,
    whole,
)
from fake_server.rules import Act, Rule
from fake_server.tenant import FIELDS, current
from fake_server.where import Choice, Where
from harness.protocol import (
    BROADCAST,
    PHOENIX,
    PHX_CLOSE,
    PHX_ERROR,
    PHX_JOIN,
    Message,
)

Undo = Callable[[], None]
"""Takes a lever back."""

_OVERSIZE_MAX = 64_000_000


@dataclass(frozen=True, slots=True)
class Ground:
    """What levers act on: the core, and what only the shell around it can do."""

    node: Node
    perform: Callable[[Sequence[Effect]], None]
    freeze: Callable[[list[int]], None]
    jump: Callable[[float], None]
    halt: Callable[[], Awaitable[None]]
    resume: Callable[[], Awaitable[None]]
    terminate: Callable[[int, float, float], Awaitable[None]]
    drain: Callable[[list[int], int, float, int], Awaitable[None]]
    update_tenant: Callable[[Mapping[str, Any]], None]
    draw_seed: Callable[[], int]
    now_s: Callable[[], float]


@dataclass(slots=True)
class Pull:
    """One pull of a lever."""

    values: Mapping[str, Any]
    where: Where
    choice: Choice
    work: list[Callable[[], Awaitable[None]]]
    """What takes time, to be begun one after the other."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True, slots=True)
class Spec:
    """A lever that can be pulled."""

    meaning: str
    act: Callable[[Ground, Pull], Undo | None]
    own: tuple[Parameter, ...] = ()
    shared: tuple[Parameter, ...] = ()
    lasts: bool = False
    """It stays pulled until it is healed; otherwise it happens once."""
    passes: bool = False
    """It lasts, and ends by itself when its work is done."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.own, *self.shared, *((_FOR_S,) if self.lasts else ()))


def prepared(ground: Ground, name: Any, given: Mapping[str, Any]) -> tuple[Spec, Pull]:
    """A pull that only has to be acted upon. Raises `BadLever`."""
    spec = LEVERS.get(name) if isinstance(name, str) else None
    if spec is None:
        raise BadLever(f"unknown lever {str(name)[:60]!r}; known: {', '.join(LEVERS)}")
    values = checked(name, spec.parameters, given)
    if "seed" in values and values["seed"] is None:
        values["seed"] = ground.draw_seed()
    where = Where(**{key: values[key] for key in Where.__slots__ if key in values})
    chosen = {key: values[key] for key in ("nth", "count", "share") if key in values}
    choice = Choice(**chosen, rng=random.Random(values.get("seed", 0)))
    return spec, Pull(values, where, choice, [])


# Frames.


Pulling = Callable[[Ground, Pull], Undo | None]


def _rule(make: Callable[[Pull], Act], only: Callable[[Message], bool] | None = None) -> Pulling:
    """A lever that puts a frame rule in force."""

    def act(ground: Ground, pull: Pull) -> Undo:
        rule = Rule(
            act=make(pull),
            sender=pull.values.get("sender", "server"),
            where=pull.where,
            choice=pull.choice,
            only=only or (lambda message: True),
        )
        ground.node.levers.rules.add(rule)
        return lambda: ground.perform(ground.node.levers.rules.remove(rule))

    return act


def _drop(pull: Pull) -> Act:
    return rules.drop


def _duplicate(pull: Pull) -> Act:
    return partial(rules.duplicate, times=pull["times"], gap_s=pull["gap_s"])


def _late(pull: Pull) -> Act:
    return partial(rules.late, delay_s=pull["delay_s"], jitter_s=pull["jitter_s"])


def _is_no_heartbeat(message: Message) -> bool:
    return bool(message.topic != PHOENIX)


def _omit_acks(ground: Ground, pull: Pull) -> Undo | None:
    pull.where = replace(pull.where, answers=BROADCAST)
    return _rule(_drop)(ground, pull)


# Switches.


def _switch(kind: Kind, value: Callable[[Pull], Any]) -> Pulling:
    """A lever that the core asks about."""

    def act(ground: Ground, pull: Pull) -> Undo:
        switch = Switch(kind, value(pull), pull.where, pull.choice)
        ground.node.levers.throw(switch)
        return lambda: ground.node.levers.take_back(switch)

    return act


def _refuse(ground: Ground, pull: Pull) -> Undo:
    """Upgrades are refused; or, where a path is named, the other requests for it."""
    kind = Kind.REFUSE if pull.where.path is None else Kind.ANSWER
    refusal = HttpRefusal(pull["status"], pull["retry_after_s"])
    return _switch(kind, lambda _: refusal)(ground, pull) or (lambda: None)


_STALL_S = 24 * 3600.0
"""Longer than any client waits, and than the library that reads the upgrade."""


def _stall(pull: Pull) -> HttpRefusal:
    return HttpRefusal(504, delay_s=_STALL_S)


# What happens once.


def _to_connections(strike: Callable[[Ground, Pull, list[int]], None]) -> Pulling:
    """A lever that strikes the live connections in scope."""

    def act(ground: Ground, pull: Pull) -> None:
        conns = [conn for conn in ground.node.matching(pull.where) if pull.choice.takes()]
        strike(ground, pull, conns)

    return act


def _close(ground: Ground, pull: Pull, conns: list[int]) -> None:
    ground.perform(ground.node.hang_up(conns, pull["code"]))


def _stray(event: str | None, payload: Any, stale: bool) -> Pulling:
    """A lever that pushes to the joined channels in scope what no feature would."""

    def act(ground: Ground, pull: Pull) -> None:
        channels = [one for one in ground.node.channels(pull.where) if pull.choice.takes()]
        body = pull["payload"] if payload is None else payload
        ground.perform(ground.node.stray(channels, event or pull["name"], body, stale))

    return act


# What takes time, and the server as a whole.


def _drain(ground: Ground, pull: Pull) -> None:
    conns = [conn for conn in ground.node.matching(pull.where) if pull.choice.takes()]
    pull.work.append(lambda: ground.drain(conns, pull["batch"], pull["gap_s"], pull["code"]))


def _restart(ground: Ground, pull: Pull) -> Undo:
    pull.choice.takes()
    pull.work.append(ground.halt)
    return lambda: pull.work.append(ground.resume)


def _sigterm(ground: Ground, pull: Pull) -> Undo:
    pull.choice.takes()
    pull.work.append(lambda: ground.terminate(pull["batch"], pull["gap_s"], pull["linger_s"]))
    return lambda: pull.work.append(ground.resume)


def _jump(ground: Ground, pull: Pull) -> Undo:
    pull.choice.takes()
    ground.jump(pull["by_s"])
    return lambda: ground.jump(-pull["by_s"])


def _feed_down(ground: Ground, pull: Pull) -> None:
    pull.choice.takes()
    ground.node.lose_feed()


def _reload(ground: Ground, pull: Pull) -> None:
    pull.choice.takes()
    ground.perform(ground.node.disconnect_tenant())


def _database_down(ground: Ground, pull: Pull) -> Undo:
    trouble, began_s = TROUBLES[pull["how"]], ground.now_s()
    undo = _switch(Kind.TROUBLE, lambda pull: trouble)(ground, pull)

    def found() -> None:
        was_down = ground.node.levers.database_is_down
        assert undo is not None
        undo()
        if was_down and not ground.node.levers.database_is_down:
            ground.perform(ground.node.find_database(ground.now_s() - began_s))

    return found


def _delete(ground: Ground, pull: Pull) -> Undo | None:
    pull.choice.takes()
    undo = _switch(Kind.DELETED, lambda pull: True)(ground, pull)
    ground.perform(ground.node.disconnect_tenant())
    return undo


def _limit(ground: Ground, pull: Pull) -> Undo:
    """Set what was given, and put back what was there; a later change to the same is lost then."""
    given = {name: value for name, value in pull.values.items() if name in TENANT_FIELDS}
    wanted = {name: value for name, value in given.items() if value is not None}
    before = current(ground.node.config, wanted)
    pull.choice.takes()
    ground.update_tenant(wanted)
    return lambda: ground.update_tenant(before)


# The table.

_CONN = Parameter("conn", COUNT, None, "only this connection, by its number in the ground truth")
_PATH = Parameter("path", PATH, None, "not upgrades but requests for this path; `…*` for a prefix")
_CLIENT = Parameter("client", TEXT, None, "only clients whose key has this `sub`")
_TOPIC = Parameter("topic", TEXT, None, "only this topic; `room-*` is all that begin so")
_EVENT = Parameter("event", TEXT, None, "only messages of this event")
_ANSWERS = Parameter("answers", TEXT, None, "only replies to requests of this event")
_SENDER = Parameter("sender", one_of("server", "client"), "server", "whose frames are struck")
_NTH = Parameter("nth", COUNT, None, "only the nth in scope since the pull")
_COUNT = Parameter("count", COUNT, None, "no more than so many")
_SHARE = Parameter("share", SHARE, 1.0, "each with this probability")
_SEED = Parameter("seed", SEED, None, "what chance is drawn from; left out, the server draws one")
_FOR_S = Parameter("for_s", DURATION, None, "healed by itself after so many seconds")
_CODE_1000 = Parameter("code", CLOSE_CODE, 1000, "the close code")

_CONNECTIONS = (_CONN, _CLIENT, _TOPIC, _NTH, _COUNT, _SHARE, _SEED)
_FRAMES = (_SENDER, _CONN, _CLIENT, _TOPIC, _EVENT, _ANSWERS, _NTH, _COUNT, _SHARE, _SEED)

TENANT_FIELDS = tuple(name for name in FIELDS if not name.startswith("jwt_"))
"""The settings of the tenant that a lever may change; a secret would show in every list."""
_FLAGS = ("private_only", "suspend", "presence_enabled")
_LIMITS = tuple(
    Parameter(
        name,
        FLAG if name in _FLAGS else whole(0, 2**31 - 1),
        None,
        "the tenant's setting of this name (`protocol.md §7.2`)",
    )
    for name in TENANT_FIELDS
)

LEVERS: Mapping[str, Spec] = {
    "late": Spec(
        "frames come late, and what follows overtakes them (`late`)",
        _rule(_late),
        (
            Parameter("delay_s", SECONDS, REQUIRED, "how late"),
            Parameter("jitter_s", SECONDS, 0.0, "up to so much more, drawn for each"),
        ),
        _FRAMES,
        lasts=True,
    ),
    "drop": Spec("frames are lost (`drop`)", _rule(_drop), (), _FRAMES, lasts=True),
    "duplicate": Spec(
        "frames come more than once (`dup`)",
        _rule(_duplicate),
        (
            Parameter("times", whole(1, 1000), 1, "how many more times"),
            Parameter("gap_s", SECONDS, 0.0, "between one and the next"),
        ),
        _FRAMES,
        lasts=True,
    ),
    "reorder": Spec(
        "frames change places with the one that follows on their connection (`reorder`)",
        _rule(lambda pull: rules.reorder),
        (),
        _FRAMES,
        lasts=True,
    ),
    "corrupt": Spec(
        "frames come broken (`corrupt`)",
        _rule(lambda pull: partial(rules.corrupt, how=pull["how"])),
        (Parameter("how", one_of("any", *CORRUPTIONS), "any", "what is wrong with them"),),
        _FRAMES,
        lasts=True,
    ),
    "oversize": Spec(
        "frames come with a payload that is far too large (`oversize`)",
        _rule(lambda pull: partial(rules.oversize, more_bytes=pull["more_bytes"])),
        (Parameter("more_bytes", whole(1, _OVERSIZE_MAX), 1_100_000, "by how much larger"),),
        _FRAMES,
        lasts=True,
    ),
    "heartbeat_only": Spec(
        "heartbeats are answered, and nothing else is ever heard from the server",
        _rule(_drop, _is_no_heartbeat),
        (),
        (_CONN, _CLIENT),
        lasts=True,
    ),
    "feed_loss": Spec(
        "changes of the database are lost, and no system message says so",
        _switch(Kind.FEED_LOSS, lambda pull: True),
        (Parameter("event", one_of("INSERT", "UPDATE", "DELETE"), None, "only of this kind"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "feed_down": Spec(
        "the worker that reads the database dies: joined channels keep still and hear of no "
        "change until they join again or renew their token",
        _feed_down,
    ),
    "subscribed_missing": Spec(
        '"Subscribed to PostgreSQL" never comes, though changes do',
        _switch(Kind.SUBSCRIBED_MISSING, lambda pull: True),
        (),
        _CONNECTIONS,
        lasts=True,
    ),
    "subscribed_repeated": Spec(
        '"Subscribed to PostgreSQL" comes more than once',
        _switch(Kind.SUBSCRIBED_REPEATED, lambda pull: (pull["times"], pull["gap_s"])),
        (
            Parameter("times", whole(1, 1000), 1, "how many more times"),
            Parameter("gap_s", SECONDS, 0.0, "between one and the next"),
        ),
        _CONNECTIONS,
        lasts=True,
    ),
    "subscribed_late": Spec(
        "channels are subscribed late; changes before that are not told",
        _switch(Kind.SUBSCRIBED_LATE, lambda pull: pull["delay_s"]),
        (Parameter("delay_s", DURATION, REQUIRED, "how late"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "subscription_error": Spec(
        "channels cannot be subscribed to changes, are told why, and are tried again 5 to 10 s "
        "later",
        _switch(Kind.SUBSCRIPTION_ERROR, lambda pull: pull["reason"]),
        (Parameter("reason", TEXT, TIMEOUTS, "why; after 4 timeouts in 30 s it hits everybody"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "ack_omission": Spec(
        "broadcasts are delivered and never acknowledged", _omit_acks, (), _CONNECTIONS, lasts=True
    ),
    "err": Spec(
        "requests are answered with an error and do nothing; joins as late as failing ones (`err`)",
        _switch(Kind.ERROR, lambda pull: pull["reason"]),
        (
            Parameter("reason", TEXT, "UnknownErrorOnChannel", "the reason in the reply"),
            Parameter("event", TEXT, PHX_JOIN, "the event of the requests"),
        ),
        _CONNECTIONS,
        lasts=True,
    ),
    "late_joins": Spec(
        "joins are answered late and the socket waits, as behind a slow database (`late(join)`)",
        _switch(Kind.LATE_JOIN, lambda pull: pull["delay_s"]),
        (Parameter("delay_s", DURATION, REQUIRED, "how late"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "mute_app": Spec(
        "the application is silent: pings are answered, no Phoenix frame is read or sent "
        "(`mute-app`)",
        _switch(Kind.MUTE, lambda pull: True),
        (),
        (_CONN, _CLIENT),
        lasts=True,
    ),
    "http": Spec(
        "upgrades are refused with an HTTP status, or the requests for a path: of `/rest/v1/*`, "
        "`/auth/v1/token`, `/realtime/v1/api/broadcast` (`http`)",
        _refuse,
        (
            Parameter("status", STATUS, 503, "the status"),
            Parameter("retry_after_s", whole(0, 1_000_000), None, "the `Retry-After` header"),
        ),
        (_CLIENT, _PATH, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "connect_error": Spec(
        "connections are refused in the words of the real server, with its status, and as late",
        _switch(
            Kind.REFUSE,
            lambda pull: HttpRefusal(CONNECT_ERRORS[pull["error"]], error=pull["error"]),
        ),
        (Parameter("error", one_of(*CONNECT_ERRORS), next(iter(CONNECT_ERRORS)), "the words"),),
        (_CLIENT, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "handshake_stall": Spec(
        "connects succeed and upgrades are never answered; who waits when it is healed still waits",
        _switch(Kind.REFUSE, _stall),
        (),
        (_CLIENT, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "accept_then_close": Spec(
        "handshakes succeed and are followed by a close frame (`accept-then`)",
        _switch(Kind.CLOSE, lambda pull: pull["code"]),
        (Parameter("code", CLOSE_CODE, 1011, "the close code"),),
        (_CLIENT, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "database_down": Spec(
        "Realtime cannot reach the database, or not ask its row policies: joins are refused, also "
        "of public channels, new tokens end channels, private messages are dropped; after three "
        "failed tries in 5 s none is made. While nobody reaches it, what is written is lost, and "
        "after 10 s so are the subscriptions; public broadcasts go on",
        _database_down,
        (
            Parameter(
                "how",
                one_of(*TROUBLES),
                UNREACHABLE,
                "what is wrong: "
                + "; ".join(f"`{name}`, {one.meaning}" for name, one in TROUBLES.items()),
            ),
        ),
        _CONNECTIONS,
        lasts=True,
    ),
    "limits": Spec(
        "the tenant has other limits and settings; some send everybody away (`limit`)",
        _limit,
        (),
        _LIMITS,
        lasts=True,
    ),
    "restart": Spec(
        "the server is gone without a close frame, and comes back without its joins (`restart`)",
        _restart,
        lasts=True,
    ),
    "sigterm": Spec(
        "the server is told to end, with all its tenants: it listens no more, connections with "
        "channels are closed with 1012 in batches of channels, joins are refused with "
        "`RealtimeRestarting` if there is time for that, and what is left is gone without a close "
        "frame; healed, it comes back",
        _sigterm,
        (
            Parameter("batch", COUNT, DRAIN_BATCH, "how many channels at a time"),
            Parameter("gap_s", SECONDS, DRAIN_GAP_S, "between one batch and the next"),
            Parameter("linger_s", SECONDS, LINGER_S, "how long the process lives after the last"),
        ),
        lasts=True,
    ),
    "drain": Spec(
        "live connections are closed in batches while new ones are accepted (`drain`)",
        _drain,
        (
            Parameter("batch", COUNT, 10, "how many at a time"),
            Parameter("gap_s", SECONDS, 1.0, "between one batch and the next"),
            Parameter("code", CLOSE_CODE, 1012, "the close code"),
        ),
        _CONNECTIONS,
        lasts=True,
        passes=True,
    ),
    "clock_jump": Spec(
        "the server's clock jumps, and with it what it thinks of every token",
        _jump,
        (Parameter("by_s", SHIFT, REQUIRED, "how far"),),
        lasts=True,
    ),
    "tenant_reload": Spec(
        "the tenant is reloaded: a system message on every channel, then close 1012", _reload
    ),
    "tenant_deleted": Spec(
        "the tenant is deleted: everybody with a channel is sent away as by a reload, connections "
        "are refused with 404, joins with `TenantNotFound` and close 1001, the API with 401",
        _delete,
        lasts=True,
    ),
    "close": Spec(
        "live connections are closed with a code (`close`)",
        _to_connections(_close),
        (_CODE_1000,),
        _CONNECTIONS,
    ),
    "memory_kill": Spec(
        "live connections vanish without a close frame, as a process that grew too large",
        _to_connections(lambda ground, pull, conns: ground.perform(ground.node.kill(conns))),
        (),
        _CONNECTIONS,
    ),
    "mute_live": Spec(
        "the applications behind live connections are silent for good; new connections work",
        _to_connections(lambda ground, pull, conns: ground.node.stop_apps(conns)),
        (),
        _CONNECTIONS,
    ),
    "freeze_live": Spec(
        "live connections are neither read nor written for good, not even pings; new ones work "
        "(`dead-flow`)",
        _to_connections(lambda ground, pull, conns: ground.freeze(conns)),
        (),
        _CONNECTIONS,
    ),
    "unknown_event": Spec(
        "joined channels are sent an event that no client knows (`unknown`)",
        _stray(None, None, stale=False),
        (
            Parameter("name", TEXT, "nobody_knows_this", "the event"),
            Parameter("payload", OBJECT, {}, "its payload"),
        ),
        _CONNECTIONS,
    ),
    "stale_close": Spec(
        "joined channels are sent a `phx_close` that belongs to an earlier join",
        _stray(PHX_CLOSE, {}, stale=True),
        (),
        _CONNECTIONS,
    ),
    "stale_error": Spec(
        "joined channels are sent a `phx_error` that belongs to an earlier join",
        _stray(PHX_ERROR, {"reason": "channel_crash"}, stale=True),
        (),
        _CONNECTIONS,
    ),
}
"""The levers, in the order in which they are listed everywhere."""
