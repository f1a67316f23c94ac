"""Faults of the server: each pulls one of its levers (`docs/levers.md`) by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from harness.nemesis.kind import Act, FaultKind, Strike
from harness.nemesis.levers import Lever
from harness.nemesis.parameters import (
    CLOSE_CODE,
    COUNT,
    DURATION,
    FLAG,
    OBJECT,
    SECONDS,
    SEED,
    SHARE,
    SHIFT,
    STATUS,
    TEXT,
    Parameter,
    one_of,
    whole,
)
from harness.nemesis.victims import VICTIMS

HITS = ("hits",)
"""The server counted what it struck."""
BROKEN = ("disconnect", "refused", "dial", "missed")
"""Signs of connections that the server ended or would not have."""
_OF_VICTIMS = frozenset(one.name for one in VICTIMS)


async def pull(strike: Strike, lever: str, /, **parameters: Any) -> None:
    """Pull a lever for the victims until the fault is healed, and wait until it has worked."""
    server = strike.levers.server
    each = [{}] if strike.victims is None else [{"client": one} for one in strike.victims]
    levers: list[Lever] = []
    before = strike.count
    strike.count = lambda: before() + sum(one.hits for one in levers)
    for scope in each:
        # Not behind an await: an interrupt finds every lever that was pulled in the stack.
        pulled = server.pull(lever, **scope, **parameters)
        levers.append(pulled)
        await strike.hold(_pulled(pulled))
    for one in levers:
        await one.settled()


@asynccontextmanager
async def _pulled(lever: Lever) -> AsyncIterator[None]:
    try:
        yield
    finally:
        lever.heal()
        await lever.settled()


def _pulls(lever: str) -> Act:
    async def act(strike: Strike) -> None:
        given = {
            name: value
            for name, value in strike.values.items()
            if value is not None and name not in _OF_VICTIMS
        }
        await pull(strike, lever, **given)

    return act


async def _accept_then_close(strike: Strike) -> None:
    """Whoever is connected is sent to the revolving door first."""
    await _pulls("accept_then_close")(strike)
    await pull(strike, "close", code=strike["code"])


def _limits_rule(values: Any) -> str | None:
    if any(value is not None for value in values.values()):
        return None
    return "it sets no limit; say at least one, as max_joins_per_second=1"


_SENDER = Parameter("sender", one_of("server", "client"), "server", "whose frames are struck")
_TOPIC = Parameter("topic", TEXT, None, "only this topic; `room-*` is all that begin so")
_EVENT = Parameter("event", TEXT, None, "only messages of this event")
_ANSWERS = Parameter("answers", TEXT, None, "only replies to requests of this event")
_NTH = Parameter("nth", COUNT, None, "only the nth in scope since the fault began, for each victim")
_COUNT = Parameter("count", COUNT, None, "no more than so many, for each victim")
_SHARE = Parameter("share", SHARE, None, "each with this probability")
_SEED = Parameter("seed", SEED, None, "what `share` is drawn from; left out, the server draws one")
_CHOICE = (_NTH, _COUNT, _SHARE, _SEED)

FRAMES = (_SENDER, _TOPIC, _EVENT, _ANSWERS, *_CHOICE, *VICTIMS)
"""The scope of a fault that strikes frames."""
CHANNELS = (_TOPIC, *_CHOICE, *VICTIMS)
"""The scope of a fault that strikes channels, or connections by their channels."""
CONNECTIONS = (*_CHOICE, *VICTIMS)
"""The scope of a fault that strikes upgrades."""


def lever(
    name: str,
    meaning: str,
    *own: Parameter,
    scope: tuple[Parameter, ...] = (),
    of: str | None = None,
    act: Act | None = None,
    **more: Any,
) -> FaultKind:
    """A lever as a fault; `of` is its name at the server where the fault has another."""
    more = {"lasts": True, "felt_by": HITS, **more}
    return FaultKind(
        name=name,
        meaning=meaning,
        category="server",
        act=act or _pulls(of or name),
        parameters=(*own, *scope),
        **more,
    )


_TIMES = (
    Parameter("times", whole(1, 1000), 1, "how many more times"),
    Parameter("gap_s", SECONDS, 0.0, "between one and the next", "seconds"),
)

_CONNECT_ERRORS = (
    "Error connecting to Realtime",
    "Too many connected users",
    "Too many joins per second",
    "Tenant not found",
    "Realtime was disabled for this tenant",
    "Token has expired",
    "Failed to validate JWT signature",
    "The token provided is not a valid JWT",
)
_TROUBLES = (
    "unreachable",
    "too_many_connections",
    "initializing",
    "connecting",
    "rpc_timeout",
    "pool_exhausted",
    "query_canceled",
    "missing_partition",
    "policies_failed",
)

SERVER: tuple[FaultKind, ...] = (
    lever(
        "late",
        "frames come late, and what follows overtakes them",
        Parameter("delay_s", SECONDS, 3.0, "how late", "seconds"),
        Parameter("jitter_s", SECONDS, 0.0, "up to so much more, drawn for each", "seconds"),
        scope=FRAMES,
        spoils=("order",),
        alone=False,
    ),
    lever("drop", "frames are lost", scope=FRAMES, spoils=("loss",), alone=False),
    lever(
        "duplicate",
        "frames come more than once",
        *_TIMES,
        scope=FRAMES,
        spoils=("once",),
        alone=False,
    ),
    lever(
        "reorder",
        "frames change places with the one that follows on their connection",
        Parameter("share", SHARE, 0.5, "each with this probability"),
        scope=tuple(one for one in FRAMES if one is not _SHARE),
        spoils=("order",),
        alone=False,
    ),
    lever(
        "corrupt",
        "frames come broken",
        Parameter(
            "how",
            one_of("any", "bad_json", "wrong_types", "missing_keys"),
            "any",
            "what is wrong with them",
        ),
        scope=FRAMES,
        spoils=("loss",),
        alone=False,
    ),
    lever(
        "oversize",
        "frames come with a payload that is far too large",
        Parameter(
            "more_bytes", whole(1, 64_000_000), 1_100_000, "by how much larger each is", "bytes"
        ),
        scope=FRAMES,
        alone=False,
    ),
    lever(
        "heartbeat_only",
        "heartbeats are answered, and nothing else is ever heard from the server",
        spoils=("loss",),
        scope=VICTIMS,
    ),
    lever(
        "feed_loss",
        "changes of the database are lost, and no system message says so",
        scope=(_EVENT, *CHANNELS),
        spoils=("changes",),
        alone=False,
    ),
    lever(
        "feed_down",
        "the worker that reads the database dies: joined channels keep still and hear of no "
        "change until they join again or renew their token",
        lasts=False,
        felt_by=("missed_change",),
    ),
    lever(
        "subscribed_missing",
        '"Subscribed to PostgreSQL" never comes, though changes do',
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "subscribed_repeated",
        '"Subscribed to PostgreSQL" comes more than once',
        *_TIMES,
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "subscribed_late",
        "channels are subscribed to changes late; changes before that are not told",
        Parameter("delay_s", DURATION, 5.0, "how late", "seconds"),
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "subscription_error",
        "channels cannot be subscribed to changes, are told why, and are tried again 5 to 10 s "
        "later",
        Parameter(
            "reason",
            TEXT,
            "Too many database timeouts",
            "why; after 4 timeouts in 30 s it hits everybody",
        ),
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "ack_omission",
        "broadcasts are delivered and never acknowledged",
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "err",
        "requests are answered with an error and do nothing; joins as late as failing ones",
        Parameter("reason", TEXT, "UnknownErrorOnChannel", "the reason in the reply"),
        Parameter("event", TEXT, "phx_join", "the event of the requests"),
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "late_joins",
        "joins are answered late and the socket waits, as behind a slow database",
        Parameter("delay_s", DURATION, 11.5, "how late", "seconds"),
        scope=CHANNELS,
        alone=False,
    ),
    lever(
        "mute_app",
        "the application is silent: pings are answered, no Phoenix frame is read or sent",
        scope=VICTIMS,
        felt_by=("missed", "disconnect", "slow_join", "slow_call"),
        spoils=("loss",),
    ),
    lever(
        "http",
        "upgrades are refused with an HTTP status, or the other requests for a path",
        Parameter("status", STATUS, 503, "the status"),
        Parameter("path", TEXT, None, "not upgrades but requests for this path; `…*` for a prefix"),
        Parameter(
            "retry_after_s", whole(0, 1_000_000), None, "the `Retry-After` header", "seconds"
        ),
        scope=CONNECTIONS,
    ),
    lever(
        "connect_error",
        "connections are refused in the words of the real server, with its status, and as late",
        Parameter("error", one_of(*_CONNECT_ERRORS), _CONNECT_ERRORS[0], "the words"),
        scope=CONNECTIONS,
    ),
    lever(
        "handshake_stall",
        "TCP connects succeed and the upgrade to a WebSocket is never answered; who waits when it "
        "is healed still waits",
        scope=CONNECTIONS,
    ),
    lever(
        "accept_then_close",
        "live connections are closed, and new ones as soon as their handshake has succeeded",
        Parameter("code", CLOSE_CODE, 1011, "the close code"),
        scope=CONNECTIONS,
        act=_accept_then_close,
    ),
    lever(
        "database_down",
        "the server cannot use its database: joins are refused and new tokens end channels, while "
        "public broadcasts go on",
        Parameter("how", one_of(*_TROUBLES), "unreachable", "what is wrong with the database"),
        scope=CHANNELS,
        spoils=("changes",),
        alone=False,
    ),
    lever(
        "limits",
        "the tenant has other limits and settings; some send everybody away",
        *(
            Parameter(name, whole(0, 2**31 - 1), None, meaning, unit)
            for name, meaning, unit in (
                ("max_concurrent_users", "connections of the tenant", ""),
                ("max_channels_per_client", "channels of one connection", ""),
                ("max_payload_size_in_kb", "of one message", "KB"),
                ("max_joins_per_second", "joins of the tenant", "a second"),
                ("max_events_per_second", "messages of the tenant", "a second"),
                ("max_presence_events_per_second", "presence messages of the tenant", "a second"),
                ("max_client_presence_events_per_window", "presence calls of one client", ""),
                ("client_presence_window_ms", "the window in which they count", "milliseconds"),
                ("max_bytes_per_second", "bytes of the tenant", "a second"),
            )
        ),
        *(
            Parameter(name, FLAG, None, meaning)
            for name, meaning in (
                ("private_only", "public channels are refused"),
                ("suspend", "the tenant is suspended"),
                ("presence_enabled", "presence is served"),
            )
        ),
        rule=_limits_rule,
        example={"max_joins_per_second": 1},
        spoils=("changes",),
        felt_by=(*BROKEN, "slow_join", "slow_call", "lost"),
    ),
    lever(
        "restart",
        "the server is gone without a close frame, and comes back without its joins",
        felt_by=BROKEN,
    ),
    lever(
        "sigterm",
        "the server is told to end: connections with channels are closed with 1012, what is left "
        "is gone without a close frame, and it comes back",
        Parameter("batch", COUNT, 10_000, "how many channels at a time"),
        Parameter("gap_s", SECONDS, 2.0, "between one batch and the next", "seconds"),
        Parameter("linger_s", SECONDS, 5.0, "how long the process lives after the last", "seconds"),
        felt_by=BROKEN,
    ),
    lever(
        "drain",
        "a rolling deploy: connections are closed in batches while new ones are accepted",
        Parameter("batch", COUNT, 10, "how many at a time, for each victim"),
        Parameter("gap_s", SECONDS, 1.0, "between one batch and the next", "seconds"),
        Parameter("code", CLOSE_CODE, 1012, "the close code"),
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "server_clock_jump",
        "the server's clock jumps, and with it what it thinks of every token",
        Parameter("by_s", SHIFT, 7200.0, "how far", "seconds"),
        of="clock_jump",
    ),
    lever(
        "tenant_reload",
        "the tenant is reloaded: a system message on every channel, then close 1012",
        lasts=False,
    ),
    lever(
        "tenant_deleted",
        "the tenant is deleted: everybody is sent away, connections are refused with 404 and joins "
        "as of an unknown tenant",
        felt_by=BROKEN,
    ),
    lever(
        "close",
        "live connections are closed with a close code; new ones work",
        Parameter("code", CLOSE_CODE, 1000, "the close code"),
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "memory_kill",
        "live connections vanish without a close frame, as a process that grew too large",
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "mute_live",
        "the applications behind live connections are silent for good; new connections work",
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "freeze_live",
        "the server neither reads nor writes live connections ever again, not even pings; new ones "
        "work",
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "unknown_event",
        "joined channels are sent an event that no client knows",
        Parameter("name", TEXT, "nobody_knows_this", "the event"),
        Parameter("payload", OBJECT, {}, "its payload"),
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "stale_close",
        "joined channels are sent a `phx_close` that belongs to an earlier join",
        scope=CHANNELS,
        lasts=False,
    ),
    lever(
        "stale_error",
        "joined channels are sent a `phx_error` that belongs to an earlier join",
        scope=CHANNELS,
        lasts=False,
    ),
)
"""The faults of the server, in the order in which they are listed."""
