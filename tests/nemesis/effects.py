"""What each fault does to a raw WebSocket: one line of a table for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.nemesis.stage import GENEROUS_S, Effect, Line, Stage, until

CHANGES = [{"event": "*", "schema": "public", "table": "todos"}]
SEND = "broadcast", {"type": "broadcast", "event": "own", "payload": {}}
SOON_S = 2.5
"""Less than any delay that a fault makes here, and long for a machine without one."""


@dataclass(frozen=True)
class Shown:
    """How a fault is shown: with which parameters, and by what."""

    effect: Effect
    parameters: Mapping[str, Any] = field(default_factory=dict)
    talk: bool = True
    """Whether the victim sends heartbeats all the time."""


# How live connections end, and whether new ones work.


def ends(*how: str, within_s: float = GENEROUS_S, new: str = "ok") -> Effect:
    """The victim's connection ends in one of these ways; a connect of it goes like `new`."""

    async def effect(stage: Stage) -> None:
        await stage.start()
        await until(lambda: bool(stage.victim.ended), within_s)
        assert stage.victim.ended in how, stage.victim.ended
        dialled = await stage.dial()
        assert dialled.startswith(new), dialled

    return effect


def cannot_connect(how: str) -> Effect:
    """New connects fail so, and the live connection goes on."""

    async def effect(stage: Stage) -> None:
        await stage.start()
        dialled = await stage.dial(1.0 if how == "TimeoutError" else GENEROUS_S)
        assert dialled.startswith(how), dialled
        assert await stage.victim.hears(GENEROUS_S)

    return effect


def silent(*, up: bool = True, down: bool = True, new: bool = False, pings: bool = False) -> Effect:
    """The victim's live connection does not end and says nothing in the directions named."""

    async def effect(stage: Stage) -> None:
        await stage.start()
        await stage.victim.hears_within(0.1)
        heard = await stage.victim.hears_within(0.5)
        assert bool(heard) is not down
        assert await stage.victim.heartbeat_s(0.5) is None
        assert await stage.victim.pings(0.5) is pings
        assert not stage.victim.ended
        assert (await stage.dial(GENEROUS_S if new else 0.7) == "ok") is new

    return effect


# How messages come.


def slow(least_s: float) -> Effect:
    """A heartbeat of the victim takes at least so long, and is answered."""

    async def effect(stage: Stage) -> None:
        await stage.start()
        took_s = await stage.victim.heartbeat_s()
        assert took_s is not None
        assert took_s >= least_s

    return effect


async def _narrow(stage: Stage) -> None:
    """What follows a large message waits for all of it."""
    await stage.start()
    stage.env.levers.server.publish("room", "large", {"id": 0, "text": "." * 4000})
    took_s = await stage.victim.heartbeat_s()
    assert took_s is not None
    assert took_s > 2.5


async def _lost(stage: Stage) -> None:
    await stage.start()
    await stage.victim.hears_within(0.1)
    assert await stage.victim.hears_within(0.5) == 0
    assert await stage.victim.heartbeat_s() is not None


async def _twice(stage: Stage) -> None:
    await stage.start()
    assert await until(lambda: 2 in Counter(stage.victim.numbers()).values(), GENEROUS_S)


async def _swapped(stage: Stage) -> None:
    await stage.start()
    assert await until(lambda: stage.victim.numbers() != sorted(stage.victim.numbers()), GENEROUS_S)
    numbers = stage.victim.numbers()
    assert Counter(numbers).most_common(1)[0][1] == 1


async def _broken(stage: Stage) -> None:
    await stage.start()
    assert await until(lambda: stage.victim.garbage > 0, GENEROUS_S)


async def _large(stage: Stage) -> None:
    await stage.start()
    assert await until(lambda: any(len(str(frame)) > 100_000 for frame in stage.victim.frames), 3.0)


def told(event: str) -> Effect:
    """The victim is sent such a message, and its channel lives on."""

    async def effect(stage: Stage) -> None:
        await stage.start()
        assert await until(lambda: event in stage.victim.events(), GENEROUS_S)
        assert await stage.victim.hears(GENEROUS_S)

    return effect


async def _no_acks(stage: Stage) -> None:
    assert await stage.victim.ask(*SEND) is not None
    await stage.start()
    assert await stage.victim.ask(*SEND, within_s=0.5) is None


# How joins go.


def joins(status: str | None, within_s: float = 0.7) -> Effect:
    """A join on a new connection of the victim's is answered so, or not in time."""

    async def effect(stage: Stage) -> None:
        await stage.start()
        line = await stage.line()
        assert await line.join(within_s) == status
        await line.drop()

    return effect


async def _limited(stage: Stage) -> None:
    await stage.start()
    dialled = await stage.dial(2 * GENEROUS_S)
    assert dialled == "InvalidStatus 429", dialled


async def _deleted(stage: Stage) -> None:
    await stage.start()
    assert await until(lambda: stage.victim.ended == "close 1012", GENEROUS_S), stage.victim.ended
    dialled = await stage.dial(2 * GENEROUS_S)
    assert dialled == "InvalidStatus 404", dialled


async def _slow_close(stage: Stage) -> None:
    """The close frame comes at once, and the end of the TCP connection much later."""
    await stage.start()
    stage.env.levers.server.pull("close", client="client-0", code=1000)
    assert not await until(lambda: bool(stage.victim.ended), 2.0)
    assert await until(lambda: bool(stage.victim.ended), GENEROUS_S)
    assert stage.victim.ended == "close 1000"


async def _refused_with_an_old_key(stage: Stage) -> None:
    """To the server the key of before is long expired."""
    await stage.start()
    dialled = await stage.dial(2 * GENEROUS_S, stage.url)
    assert dialled == "InvalidStatus 401", dialled


# The feed of changes.


async def _listen(stage: Stage) -> Line:
    line = await stage.line()
    assert await line.join(postgres_changes=CHANGES) == "ok"
    return line


def _write(stage: Stage) -> None:
    server: Any = stage.env.levers.server
    server.database.execute("insert into todos(title) values ('a')", server.now_s())


def _told(line: Line) -> list[str]:
    """How the messages of the system that concern the feed say that it is."""
    return [one["status"] for one in _of_the_feed(line)]


def _of_the_feed(line: Line) -> list[dict[str, str]]:
    systems = [frame["payload"] for frame in line.frames if frame["event"] == "system"]
    return [one for one in systems if one.get("extension") == "postgres_changes"]


def _changes(line: Line) -> int:
    return line.events().count("postgres_changes")


def feed(*, hears: bool, told: int, after: bool = True) -> Effect:
    """A channel that joins during the fault (`after`), or before it, is told so often that it is
    subscribed, and hears of a change or does not."""

    async def effect(stage: Stage) -> None:
        if after:
            await stage.start()
        line = await _listen(stage)
        if not after:
            assert await until(lambda: "ok" in _told(line), GENEROUS_S)
            await stage.start()
        await until(lambda: told > 0 and len(_told(line)) == told, 0.5)
        _write(stage)
        await until(lambda: _changes(line) > 0, GENEROUS_S if hears else 0.7)
        assert bool(_changes(line)) is hears
        assert _told(line).count("ok") == told
        await line.drop()

    return effect


async def _subscription_error(stage: Stage) -> None:
    await stage.start()
    line = await _listen(stage)
    assert await until(lambda: "error" in _told(line), GENEROUS_S)
    # As the real server says it: protocol.md §3.4.
    assert _of_the_feed(line)[0]["message"] == '{:error, "Too many database timeouts"}'
    await line.drop()


async def well(stage: Stage) -> None:
    """Nothing of any fault is left: a new connection of the victim's does all that one can do."""
    assert await stage.dial(url=stage.url) == "ok", "cannot connect"
    line = await stage.line()
    assert await line.join(SOON_S, postgres_changes=CHANGES) == "ok", "cannot join"
    assert await until(lambda: _told(line) == ["ok"], SOON_S), "not subscribed to changes"
    _write(stage)
    stage.env.levers.server.publish("room", "large", {"id": 0, "text": "." * 4000})
    assert await line.heartbeat_s(SOON_S), "slow"
    assert await line.ask(*SEND, within_s=SOON_S), "not acknowledged"
    assert await until(lambda: _changes(line) == 1, GENEROUS_S), "no change came"
    assert await until(lambda: len(line.numbers()) >= 3, GENEROUS_S), "hears nothing"
    assert _told(line) == ["ok"]
    numbers = line.numbers()
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert not line.garbage
    assert all(len(str(frame)) < 100_000 for frame in line.frames)
    stage.env.levers.server.pull("close", client="client-0", code=1000)
    assert await until(lambda: bool(line.ended), SOON_S), "slow to close"
    assert line.ended == "close 1000"


DEAD = silent(new=True)

EFFECTS: Mapping[str, Shown] = {
    "refuse": Shown(ends("reset", "fin", new="ConnectionRefusedError")),
    "rst": Shown(ends("reset")),
    "fin": Shown(ends("fin")),
    "hole": Shown(silent()),
    "dead_flow": Shown(DEAD),
    "dns_failure": Shown(cannot_connect("gaierror")),
    "connect_stall": Shown(cannot_connect("TimeoutError")),
    "slow": Shown(slow(3.0), {"latency_s": 3.0}, talk=False),
    "latency": Shown(slow(3.0), {"latency": 3000}, talk=False),
    "bandwidth": Shown(_narrow, {"rate": 1}, talk=False),
    "slicer": Shown(slow(0.3), {"average_size": 8, "delay": 60_000}, talk=False),
    "limit_data": Shown(ends("fin"), {"bytes": 800}),
    "slow_close": Shown(_slow_close, {"delay": 4000}),
    "timeout": Shown(ends("fin", new=""), {"timeout": 50}),
    "reset_peer": Shown(ends("reset", new="")),
    "late": Shown(slow(3.0), {"delay_s": 3.0, "answers": "heartbeat"}, talk=False),
    "drop": Shown(_lost, {"event": "broadcast"}),
    "duplicate": Shown(_twice, {"event": "broadcast"}),
    "reorder": Shown(_swapped, {"event": "broadcast", "seed": 1}, talk=False),
    "corrupt": Shown(_broken, {"how": "bad_json", "event": "broadcast"}),
    "oversize": Shown(_large, {"more_bytes": 200_000, "event": "broadcast"}),
    "heartbeat_only": Shown(_lost),
    "feed_loss": Shown(feed(hears=False, told=1, after=False)),
    "feed_down": Shown(feed(hears=False, told=1, after=False)),
    "subscribed_missing": Shown(feed(hears=True, told=0)),
    "subscribed_repeated": Shown(feed(hears=True, told=2)),
    "subscribed_late": Shown(feed(hears=False, told=0), {"delay_s": 8.0}),
    "subscription_error": Shown(_subscription_error),
    "ack_omission": Shown(_no_acks),
    "err": Shown(joins("error", within_s=10.0)),
    "late_joins": Shown(joins(None), {"delay_s": 4.0}),
    "mute_app": Shown(silent(pings=True, new=True)),
    "http": Shown(cannot_connect("InvalidStatus 503")),
    "connect_error": Shown(cannot_connect("InvalidStatus")),
    "handshake_stall": Shown(cannot_connect("TimeoutError")),
    "accept_then_close": Shown(ends("close 1011", new="")),
    "database_down": Shown(joins("error", within_s=10.0)),
    "limits": Shown(_limited, {"max_concurrent_users": 1}),
    "restart": Shown(ends("fin", "reset", new="")),
    "sigterm": Shown(ends("close 1012", new=""), {"gap_s": 0.1, "linger_s": 0.2}),
    "drain": Shown(ends("close 1012"), {"batch": 1}),
    "server_clock_jump": Shown(_refused_with_an_old_key, {"by_s": 4e8}),
    "tenant_reload": Shown(ends("close 1012")),
    "tenant_deleted": Shown(_deleted),
    "close": Shown(ends("close 1000")),
    "memory_kill": Shown(ends("fin", "reset")),
    "mute_live": Shown(silent(pings=True, new=True)),
    "freeze_live": Shown(DEAD),
    "unknown_event": Shown(told("nobody_knows_this")),
    "stale_close": Shown(told("phx_close")),
    "stale_error": Shown(told("phx_error")),
}
"""By fault."""
