"""Postgres Changes on a database without published tables: ids for bindings, then an error.

There are no tables yet, so what the real server says of an empty publication is the truth here:
the join succeeds, and a system message says that nothing could be subscribed.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from fake_server.core.state import Channel, State
from fake_server.elixir import inspect, sorted_keys
from harness.protocol import POSTGRES_CHANGES, TOPIC_PREFIX

_ID_BITS = 27


class BadBinding(Exception):
    """An entry that the real server crashes on, in the words of that crash."""


def bindings(topic: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """What a join asks for, each with its id (`protocol.md §2.2`), in order.

    Without a `config` the topic itself is the request (`protocol.md §2.3`). Raises `BadBinding`.
    """
    if "config" not in payload:
        parts = topic.removeprefix(TOPIC_PREFIX).split(":", 2)
        return [_with_id(dict(zip(("schema", "table", "filter"), parts, strict=False)))]
    entries = (payload["config"] or {}).get(POSTGRES_CHANGES)
    if not isinstance(entries, list):
        return []
    return [_with_id(entry) for entry in entries if entry is not None]


def subscribe(state: State, channel: Channel) -> None:
    """Say how the subscription went: one message for the channel, of the first binding."""
    for binding in channel.bindings[:1]:
        state.push_system(channel, "error", _refusal(binding), POSTGRES_CHANGES)


def _with_id(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise BadBinding(f"expected a map, got:\n\n    {inspect(entry)}\n")
    canonical = json.dumps(entry, sort_keys=True)
    number = zlib.crc32(canonical.encode()) & (1 << _ID_BITS) - 1
    return {"id": number, **sorted_keys({key: entry[key] for key in entry if key != "id"})}


def _refusal(binding: dict[str, Any]) -> str:
    """The text for tables that are not published (`protocol.md §3.4`)."""
    asked = {key: value for key, value in binding.items() if key != "id"}
    if "schema" not in asked and "table" not in asked:
        return (
            "No subscription params provided. Please provide at least a `schema` or `table` to "
            f"subscribe to: {inspect(asked)}"
        )
    event = asked.get("event") if asked.get("event") in ("INSERT", "UPDATE", "DELETE") else "*"
    schema, table = asked.get("schema", "public"), asked.get("table", "*")
    return (
        "Unable to subscribe to changes with given parameters. Please check Realtime is enabled "
        f"for the given connect parameters: [event: {event}, schema: {schema}, "
        f"table: {table}, filters: {_filters(asked)}, select: {inspect(asked.get('select'))}]"
    )


def _filters(asked: dict[str, Any]) -> str:
    column, _, condition = str(asked.get("filter", "")).partition("=")
    operator, dot, value = condition.partition(".")
    if not dot:
        return "[]"
    return f"[{{{inspect(column)}, {inspect(operator)}, {inspect(value)}, false}}]"
