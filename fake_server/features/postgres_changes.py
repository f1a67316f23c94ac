"""Postgres Changes: ids for the bindings of a join, subscriptions, and the changes themselves."""

from __future__ import annotations

import json
import zlib
from typing import Any

from fake_server.changes import payload
from fake_server.changes.fanout import Told, told
from fake_server.changes.feed import Subscriber
from fake_server.changes.subscriptions import BadSubscription, understood
from fake_server.core.state import Channel, State
from fake_server.database import Caller, DatabaseError
from fake_server.elixir import inspect, sorted_keys
from fake_server.features import link, quota
from harness.protocol import POSTGRES_CHANGES, TOPIC_PREFIX

_ID_BITS = 27
_AGAIN_S = (1.0, 3.0)
"""How long after a new token the subscriptions are renewed (`protocol.md §3.5`)."""
_RETRY_S = (5.0, 10.0)
"""How long after an error of the database a subscription is tried again (`protocol.md §3.4`)."""
_COLD_SPREAD = 1.25
"""A cold worker takes up to so many times as long as the setting says."""
_SUBSCRIBED = "Subscribed to PostgreSQL"
TIMEOUTS = "Too many database timeouts"


class BadBinding(Exception):
    """An entry that the real server crashes on, in the words of that crash."""


def bindings(topic: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """What a join asks for, each with its id (`protocol.md §2.2`), in order.

    Without a `config` the topic itself is the request (`protocol.md §2.3`). Raises `BadBinding`.
    """
    if "config" not in params:
        parts = topic.removeprefix(TOPIC_PREFIX).split(":", 2)
        return [_with_id(dict(zip(("schema", "table", "filter"), parts, strict=False)))]
    entries = (params["config"] or {}).get(POSTGRES_CHANGES)
    if not isinstance(entries, list):
        return []
    return [_with_id(entry) for entry in entries if entry is not None]


def subscribe(state: State, channel: Channel, now_s: float) -> None:
    """Subscribe a channel that has joined: at once, unless the worker has to be woken."""
    if channel.bindings:
        state.feed.plan(channel, now_s)
        _do_planned(state, now_s)


def subscribe_again(state: State, channel: Channel, now_s: float) -> None:
    """A new token was taken: the subscriptions are renewed with its claims, a while later."""
    if channel.bindings:
        state.feed.plan(channel, now_s + state.rng.uniform(*_AGAIN_S))


def next_due_s(state: State) -> float | None:
    """When `due` has something to do."""
    feed, database = state.feed, state.database
    due_s = (
        state.now_s if feed.left else None,
        feed.next_plan_s(),
        feed.next_poll_s(database.changes_since_s),
        feed.next_look_s(database.publication, database.publication_changed_s),
    )
    return min((when_s for when_s in due_s if when_s is not None), default=None)


def due(state: State, now_s: float) -> None:
    """Make the subscriptions whose time has come, look at the publication and read the log when it
    is time for that."""
    feed, database = state.feed, state.database
    feed.note_departure(now_s)
    look_s = feed.next_look_s(database.publication, database.publication_changed_s)
    if look_s is not None and look_s <= now_s:
        # Everybody is told once for each of its subscriptions (§3.5).
        for subscriber in feed.look(database.publication):
            for _ in subscriber.made:
                feed.plan(subscriber.channel, now_s)
    _do_planned(state, now_s)
    poll_s = feed.next_poll_s(database.changes_since_s)
    if poll_s is not None and poll_s <= now_s:
        feed.polled(now_s)
        _read(state, now_s)


def _do_planned(state: State, now_s: float) -> None:
    for channel, what in state.feed.planned(now_s):
        if channel.connection.channels.get(channel.topic) is not channel:
            continue
        if what == "tell":
            state.push_system(channel, "ok", _SUBSCRIBED, POSTGRES_CHANGES)
        else:
            _try_to_subscribe(state, channel, now_s, was_late=what == "subscribe late")


def _try_to_subscribe(state: State, channel: Channel, now_s: float, was_late: bool) -> None:
    """Subscribe now if the database lets us; else later, as the real server does (§3.4)."""
    feed, scope = state.feed, link.scope(channel)
    if state.switches.database_is_down:
        feed.plan(channel, now_s + state.rng.uniform(*_AGAIN_S))
        return
    cold_s = _cold_s(state) if feed.sleeps(now_s) else 0.0
    up_s = feed.wake(now_s, cold_s, state.database.publication)
    late_s = 0.0 if was_late else state.switches.subscribed_delay_s(*scope)
    if up_s > now_s or late_s > 0:
        feed.plan(channel, max(up_s, now_s + late_s), "subscribe late")
        return
    error = state.switches.subscription_error(*scope)
    if error == TIMEOUTS:
        feed.timed_out(now_s)
    elif error is None and feed.sheds(now_s):
        error = TIMEOUTS
    if error is None:
        _subscribe(state, channel, now_s)
        return
    state.push_system(channel, "error", f"{{:error, {inspect(error)}}}", POSTGRES_CHANGES)
    feed.plan(channel, now_s + state.rng.uniform(*_RETRY_S))


def _cold_s(state: State) -> float:
    """How long the worker takes to start this time."""
    cold_s = state.config.database_cold_s
    return state.rng.uniform(cold_s, cold_s * _COLD_SPREAD) if cold_s > 0 else 0.0


def _subscribe(state: State, channel: Channel, now_s: float) -> None:
    """Say how the subscription went, in one message: one bad binding spoils all (§3.4)."""
    caller = Caller(channel.claims.role, channel.claims.all)
    try:
        subscriptions = [understood(binding) for binding in channel.bindings]
        # The database is asked for the last one first.
        made = [each.made(state.database.tables, caller) for each in reversed(subscriptions)]
    except BadSubscription as error:
        state.push_system(channel, "error", str(error), POSTGRES_CHANGES)
        return
    if not state.feed.subscribers:
        # Nobody read the log, so what it holds is from before (§3.5).
        state.database.take_changes()
        state.feed.polled(now_s)
    state.limits.changes.begin(now_s)
    state.feed.add(Subscriber(channel, caller, tuple(reversed(made))))
    _tell_subscribed(state, channel, now_s)


def _tell_subscribed(state: State, channel: Channel, now_s: float) -> None:
    scope = (channel.connection.id, channel.connection.client, channel.topic)
    if state.switches.subscribed_missing(*scope):
        return
    state.push_system(channel, "ok", _SUBSCRIBED, POSTGRES_CHANGES)
    times, gap_s = state.switches.subscribed_repeats(*scope)
    for number in range(1, times + 1):
        state.feed.plan(channel, now_s + number * gap_s, "tell")


def _read(state: State, now_s: float) -> None:
    """Read the log, and tell everybody what they asked for and may see (§3.6).

    A policy or a filter that raises for one subscription makes the database's whole answer an
    error, and what was read with it is lost for everybody: a known defect of the real server.
    """
    changes = state.database.take_changes()
    if state.switches.database_is_down:
        state.truth("changes_lost", count=len(changes), reason="the database is down")
        return
    try:
        rows = [
            row
            for change in changes
            for row in told(change, list(state.feed.subscribers.values()), state.database)
        ]
    except DatabaseError as error:
        state.truth("changes_lost", count=len(changes), code=error.code, reason=error.message)
        return
    for row in rows:
        matches = sum(len(ids) for _, ids in row.receivers)
        if quota.changes_pass(state, matches, now_s):
            for channel, ids in row.receivers:
                _push(state, channel, row, ids)


def _push(state: State, channel: Channel, row: Told, ids: list[int]) -> None:
    connection = channel.connection
    if state.switches.loses_change(connection.id, connection.client, channel.topic, row.kind):
        return
    codec, topic = connection.codec, channel.topic
    if channel.old_api:
        frame = payload.frame(codec, topic, row.kind, row.data)
    else:
        # The last one that was asked for comes first.
        named = ",".join(map(str, reversed(ids)))
        body = f'{{"data":{row.data},"ids":[{named}]}}'
        frame = payload.frame(codec, topic, POSTGRES_CHANGES, body)
    state.write(connection, frame)


def _with_id(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise BadBinding(f"expected a map, got:\n\n    {inspect(entry)}\n")
    canonical = json.dumps(entry, sort_keys=True)
    number = zlib.crc32(canonical.encode()) & (1 << _ID_BITS) - 1
    return {"id": number, **sorted_keys({key: entry[key] for key in entry if key != "id"})}
