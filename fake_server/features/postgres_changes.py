"""Postgres Changes: ids for the bindings of a join, subscriptions, and the changes themselves."""

from __future__ import annotations

import json
import zlib
from typing import Any

from fake_server.changes import payload
from fake_server.changes.feed import Subscriber
from fake_server.changes.subscriptions import BadSubscription, Subscription, understood
from fake_server.core.state import Channel, State
from fake_server.database import Caller, Change
from fake_server.database.rights import granted
from fake_server.elixir import inspect, sorted_keys
from fake_server.features import quota
from harness.protocol import POSTGRES_CHANGES, TOPIC_PREFIX

_ID_BITS = 27
_AGAIN_S = (1.0, 3.0)
"""How long after a new token the subscriptions are renewed (`protocol.md §3.5`)."""


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
    """Subscribe a channel that has joined: at once, unless the database has to be woken."""
    if not channel.bindings:
        return
    cold_s = 0.0 if state.feed.subscribers else state.config.database_cold_s
    if cold_s > 0:
        state.feed.plan(channel, now_s + cold_s)
    else:
        _subscribe(state, channel, now_s)


def subscribe_again(state: State, channel: Channel, now_s: float) -> None:
    """A new token was taken: the subscriptions are renewed with its claims, a while later."""
    if channel.bindings:
        state.feed.plan(channel, now_s + state.rng.uniform(*_AGAIN_S))


def next_due_s(state: State) -> float | None:
    """When `due` has something to do."""
    return state.feed.next_due_s(state.database.changes_since_s)


def due(state: State, now_s: float) -> None:
    """Make the subscriptions whose time has come, and read the log when it is time for that."""
    for channel in state.feed.planned(now_s):
        if channel.connection.channels.get(channel.topic) is channel:
            _subscribe(state, channel, now_s)
    since_s = state.database.changes_since_s
    poll_s = None if since_s is None else state.feed.next_poll_s(since_s)
    if poll_s is not None and poll_s <= now_s:
        state.feed.polled(now_s)
        for change in state.database.take_changes():
            _tell(state, change, now_s)


def _subscribe(state: State, channel: Channel, now_s: float) -> None:
    """Say how the subscription went, in one message: one bad binding spoils all (§3.4)."""
    try:
        subscriptions = tuple(map(understood, channel.bindings))
        for subscription in subscriptions:
            subscription.check(state.database.tables)
    except BadSubscription as error:
        state.push_system(channel, "error", str(error), POSTGRES_CHANGES)
        return
    if not state.feed.subscribers:
        # Nobody read the log, so what it holds is from before (§3.5).
        state.database.take_changes()
    caller = Caller(channel.claims.role, channel.claims.all)
    state.feed.add(Subscriber(channel, caller, subscriptions), now_s)
    state.push_system(channel, "ok", "Subscribed to PostgreSQL", POSTGRES_CHANGES)


def _tell(state: State, change: Change, now_s: float) -> None:
    """Push a change to everybody who asked for it and may see it (§3.6), unless the tenant has
    used up its events."""
    row = payload.filtered_row(change)
    told = [
        (subscriber, fitting)
        for subscriber in state.feed.subscribers.values()
        if (fitting := [each for each in subscriber.subscriptions if each.fits(change, row)])
    ]
    matches = sum(len(fitting) for _, fitting in told)
    if not told or not quota.changes_pass(state, matches, now_s):
        return
    rendered: dict[tuple[str, ...] | None, str] = {}
    for subscriber, fitting in told:
        error = _error(change, subscriber.caller)
        if error is not None:
            _push(state, subscriber.channel, change, payload.refusal(change, error), fitting)
        elif _may_see(state, change, subscriber.caller):
            for select in dict.fromkeys(each.select for each in fitting):
                if select not in rendered:
                    rendered[select] = payload.data(change, select)
                same = [each for each in fitting if each.select == select]
                _push(state, subscriber.channel, change, rendered[select], same)


def _error(change: Change, caller: Caller) -> str | None:
    if not change.table.primary_key:
        return payload.NO_PRIMARY_KEY
    if change.kind == "DELETE" or granted(change.table, "select", caller):
        return None
    return payload.UNAUTHORIZED


def _may_see(state: State, change: Change, caller: Caller) -> bool:
    """By the row policies; what was deleted is told to everybody."""
    return change.new is None or state.database.visible(change.table, change.new, caller)


def _push(
    state: State, channel: Channel, change: Change, data: str, fitting: list[Subscription]
) -> None:
    codec, topic = channel.connection.codec, channel.topic
    if channel.old_api:
        frame = payload.frame(codec, topic, change.kind, data)
    else:
        ids = ",".join(str(each.id) for each in reversed(fitting))
        frame = payload.frame(codec, topic, POSTGRES_CHANGES, f'{{"data":{data},"ids":[{ids}]}}')
    state.write(channel.connection, frame)


def _with_id(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise BadBinding(f"expected a map, got:\n\n    {inspect(entry)}\n")
    canonical = json.dumps(entry, sort_keys=True)
    number = zlib.crc32(canonical.encode()) & (1 << _ID_BITS) - 1
    return {"id": number, **sorted_keys({key: entry[key] for key in entry if key != "id"})}
