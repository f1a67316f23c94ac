"""Every lever by its name: what it does and its parameters; `acts` does it.

The vocabulary is that of `failures.md §0.3`, as far as a server can speak it. Whatever pulls
levers, Python, HTTP or the nemesis, pulls these.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from fake_server.features.postgres_changes import TIMEOUTS
from fake_server.handshake import CONNECT_ERRORS
from fake_server.levers import acts
from fake_server.levers.lever import Ground, Pull, Spec
from fake_server.levers.parameters import (
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
from fake_server.life import DRAIN_BATCH, DRAIN_GAP_S, LINGER_S
from fake_server.switches import rules
from fake_server.switches.mangle import CORRUPTIONS
from fake_server.switches.thrown import HttpRefusal, Kind
from fake_server.switches.trouble import TROUBLES, UNREACHABLE
from fake_server.switches.where import Choice, Where
from harness.protocol import (
    PHX_CLOSE,
    PHX_ERROR,
    PHX_JOIN,
)

_OVERSIZE_MAX = 64_000_000

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
_CODE_1000 = Parameter("code", CLOSE_CODE, 1000, "the close code")

_CONNECTIONS = (_CONN, _CLIENT, _TOPIC, _NTH, _COUNT, _SHARE, _SEED)
_FRAMES = (_SENDER, _CONN, _CLIENT, _TOPIC, _EVENT, _ANSWERS, _NTH, _COUNT, _SHARE, _SEED)

_FLAGS = ("private_only", "suspend", "presence_enabled")
_LIMITS = tuple(
    Parameter(
        name,
        FLAG if name in _FLAGS else whole(0, 2**31 - 1),
        None,
        "the tenant's setting of this name (`protocol.md §7.2`)",
    )
    for name in acts.TENANT_FIELDS
)

LEVERS: Mapping[str, Spec] = {
    "late": Spec(
        "frames come late, and what follows overtakes them (`late`)",
        acts.by_rule(acts.late),
        (
            Parameter("delay_s", SECONDS, REQUIRED, "how late"),
            Parameter("jitter_s", SECONDS, 0.0, "up to so much more, drawn for each"),
        ),
        _FRAMES,
        lasts=True,
    ),
    "drop": Spec("frames are lost (`drop`)", acts.by_rule(acts.drop), (), _FRAMES, lasts=True),
    "duplicate": Spec(
        "frames come more than once (`dup`)",
        acts.by_rule(acts.duplicate),
        (
            Parameter("times", whole(1, 1000), 1, "how many more times"),
            Parameter("gap_s", SECONDS, 0.0, "between one and the next"),
        ),
        _FRAMES,
        lasts=True,
    ),
    "reorder": Spec(
        "frames change places with the one that follows on their connection (`reorder`)",
        acts.by_rule(lambda pull: rules.reorder),
        (),
        _FRAMES,
        lasts=True,
    ),
    "corrupt": Spec(
        "frames come broken (`corrupt`)",
        acts.by_rule(lambda pull: partial(rules.corrupt, how=pull["how"])),
        (Parameter("how", one_of("any", *CORRUPTIONS), "any", "what is wrong with them"),),
        _FRAMES,
        lasts=True,
    ),
    "oversize": Spec(
        "frames come with a payload that is far too large (`oversize`)",
        acts.by_rule(lambda pull: partial(rules.oversize, more_bytes=pull["more_bytes"])),
        (Parameter("more_bytes", whole(1, _OVERSIZE_MAX), 1_100_000, "by how much larger"),),
        _FRAMES,
        lasts=True,
    ),
    "heartbeat_only": Spec(
        "heartbeats are answered, and nothing else is ever heard from the server",
        acts.by_rule(acts.drop, acts.is_no_heartbeat),
        (),
        (_CONN, _CLIENT),
        lasts=True,
    ),
    "feed_loss": Spec(
        "changes of the database are lost, and no system message says so",
        acts.by_switch(Kind.FEED_LOSS, lambda pull: True),
        (Parameter("event", one_of("INSERT", "UPDATE", "DELETE"), None, "only of this kind"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "feed_down": Spec(
        "the worker that reads the database dies: joined channels keep still and hear of no "
        "change until they join again or renew their token",
        acts.feed_down,
    ),
    "subscribed_missing": Spec(
        '"Subscribed to PostgreSQL" never comes, though changes do',
        acts.by_switch(Kind.SUBSCRIBED_MISSING, lambda pull: True),
        (),
        _CONNECTIONS,
        lasts=True,
    ),
    "subscribed_repeated": Spec(
        '"Subscribed to PostgreSQL" comes more than once',
        acts.by_switch(Kind.SUBSCRIBED_REPEATED, lambda pull: (pull["times"], pull["gap_s"])),
        (
            Parameter("times", whole(1, 1000), 1, "how many more times"),
            Parameter("gap_s", SECONDS, 0.0, "between one and the next"),
        ),
        _CONNECTIONS,
        lasts=True,
    ),
    "subscribed_late": Spec(
        "channels are subscribed late; changes before that are not told",
        acts.by_switch(Kind.SUBSCRIBED_LATE, lambda pull: pull["delay_s"]),
        (Parameter("delay_s", DURATION, REQUIRED, "how late"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "subscription_error": Spec(
        "channels cannot be subscribed to changes, are told why, and are tried again 5 to 10 s "
        "later",
        acts.by_switch(Kind.SUBSCRIPTION_ERROR, lambda pull: pull["reason"]),
        (Parameter("reason", TEXT, TIMEOUTS, "why; after 4 timeouts in 30 s it hits everybody"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "ack_omission": Spec(
        "broadcasts are delivered and never acknowledged",
        acts.omit_acks,
        (),
        _CONNECTIONS,
        lasts=True,
    ),
    "err": Spec(
        "requests are answered with an error and do nothing; joins as late as failing ones (`err`)",
        acts.by_switch(Kind.ERROR, lambda pull: pull["reason"]),
        (
            Parameter("reason", TEXT, "UnknownErrorOnChannel", "the reason in the reply"),
            Parameter("event", TEXT, PHX_JOIN, "the event of the requests"),
        ),
        _CONNECTIONS,
        lasts=True,
    ),
    "late_joins": Spec(
        "joins are answered late and the socket waits, as behind a slow database (`late(join)`)",
        acts.by_switch(Kind.LATE_JOIN, lambda pull: pull["delay_s"]),
        (Parameter("delay_s", DURATION, REQUIRED, "how late"),),
        _CONNECTIONS,
        lasts=True,
    ),
    "mute_app": Spec(
        "the application is silent: pings are answered, no Phoenix frame is read or sent "
        "(`mute-app`)",
        acts.by_switch(Kind.MUTE, lambda pull: True),
        (),
        (_CONN, _CLIENT),
        lasts=True,
    ),
    "http": Spec(
        "upgrades are refused with an HTTP status, or the requests for a path: of `/rest/v1/*`, "
        "`/auth/v1/token`, `/realtime/v1/api/broadcast` (`http`)",
        acts.refuse,
        (
            Parameter("status", STATUS, 503, "the status"),
            Parameter("retry_after_s", whole(0, 1_000_000), None, "the `Retry-After` header"),
        ),
        (_CLIENT, _PATH, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "connect_error": Spec(
        "connections are refused in the words of the real server, with its status, and as late",
        acts.by_switch(
            Kind.REFUSE,
            lambda pull: HttpRefusal(CONNECT_ERRORS[pull["error"]], error=pull["error"]),
        ),
        (Parameter("error", one_of(*CONNECT_ERRORS), next(iter(CONNECT_ERRORS)), "the words"),),
        (_CLIENT, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "handshake_stall": Spec(
        "connects succeed and upgrades are never answered; who waits when it is healed still waits",
        acts.by_switch(Kind.REFUSE, acts.stall),
        (),
        (_CLIENT, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "accept_then_close": Spec(
        "handshakes succeed and are followed by a close frame (`accept-then`)",
        acts.by_switch(Kind.CLOSE, lambda pull: pull["code"]),
        (Parameter("code", CLOSE_CODE, 1011, "the close code"),),
        (_CLIENT, _NTH, _COUNT, _SHARE, _SEED),
        lasts=True,
    ),
    "database_down": Spec(
        "Realtime cannot reach the database, or not ask its row policies: joins are refused, also "
        "of public channels, new tokens end channels, private messages are dropped; after three "
        "failed tries in 5 s none is made. While nobody reaches it, what is written is lost, and "
        "after 10 s so are the subscriptions; public broadcasts go on",
        acts.database_down,
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
        acts.set_limits,
        (),
        _LIMITS,
        lasts=True,
    ),
    "restart": Spec(
        "the server is gone without a close frame, and comes back without its joins (`restart`)",
        acts.restart,
        lasts=True,
    ),
    "sigterm": Spec(
        "the server is told to end, with all its tenants: it listens no more, connections with "
        "channels are closed with 1012 in batches of channels, joins are refused with "
        "`RealtimeRestarting` if there is time for that, and what is left is gone without a close "
        "frame; healed, it comes back",
        acts.sigterm,
        (
            Parameter("batch", COUNT, DRAIN_BATCH, "how many channels at a time"),
            Parameter("gap_s", SECONDS, DRAIN_GAP_S, "between one batch and the next"),
            Parameter("linger_s", SECONDS, LINGER_S, "how long the process lives after the last"),
        ),
        lasts=True,
    ),
    "drain": Spec(
        "live connections are closed in batches while new ones are accepted (`drain`)",
        acts.drain,
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
        acts.jump_clock,
        (Parameter("by_s", SHIFT, REQUIRED, "how far"),),
        lasts=True,
    ),
    "tenant_reload": Spec(
        "the tenant is reloaded: a system message on every channel, then close 1012",
        acts.reload_tenant,
    ),
    "tenant_deleted": Spec(
        "the tenant is deleted: everybody with a channel is sent away as by a reload, connections "
        "are refused with 404, joins with `TenantNotFound` and close 1001, the API with 401",
        acts.delete_tenant,
        lasts=True,
    ),
    "close": Spec(
        "live connections are closed with a code (`close`)",
        acts.to_connections(acts.close),
        (_CODE_1000,),
        _CONNECTIONS,
    ),
    "memory_kill": Spec(
        "live connections vanish without a close frame, as a process that grew too large",
        acts.to_connections(lambda ground, pull, conns: ground.perform(ground.node.kill(conns))),
        (),
        _CONNECTIONS,
    ),
    "mute_live": Spec(
        "the applications behind live connections are silent for good; new connections work",
        acts.to_connections(lambda ground, pull, conns: ground.node.stop_apps(conns)),
        (),
        _CONNECTIONS,
    ),
    "freeze_live": Spec(
        "live connections are neither read nor written for good, not even pings; new ones work "
        "(`dead-flow`)",
        acts.to_connections(lambda ground, pull, conns: ground.freeze(conns)),
        (),
        _CONNECTIONS,
    ),
    "unknown_event": Spec(
        "joined channels are sent an event that no client knows (`unknown`)",
        acts.stray(None, None, stale=False),
        (
            Parameter("name", TEXT, "nobody_knows_this", "the event"),
            Parameter("payload", OBJECT, {}, "its payload"),
        ),
        _CONNECTIONS,
    ),
    "stale_close": Spec(
        "joined channels are sent a `phx_close` that belongs to an earlier join",
        acts.stray(PHX_CLOSE, {}, stale=True),
        (),
        _CONNECTIONS,
    ),
    "stale_error": Spec(
        "joined channels are sent a `phx_error` that belongs to an earlier join",
        acts.stray(PHX_ERROR, {"reason": "channel_crash"}, stale=True),
        (),
        _CONNECTIONS,
    ),
}
"""The levers, in the order in which they are listed everywhere."""


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
