"""Replay: a private channel asks, as it joins, for what the database sent before (§4.7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from fake_server.core.state import Channel, State
from fake_server.database import StoredMessage, json_text
from fake_server.elixir import sorted_keys
from fake_server.features import db_broadcast
from harness.protocol import BROADCAST, V1, Kind, Message

_LIMIT_MAX = 25
_SINCE_MS_MIN, _SINCE_MS_MAX = -377_705_116_800_000, 253_402_300_799_999
"""The years -9999 to 9999: where the real server's calendar begins and ends."""


class BadReplay(Exception):
    """Parameters that the real server refuses."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What is to be replayed after the join's reply."""

    since_s: float
    limit: int


def wanted(asked: Any) -> Replay | None:
    """The `replay` of a join's broadcast config; what is no object asks for nothing. Raises
    `BadReplay`."""
    if not isinstance(asked, Mapping):
        return None
    since_ms, limit = asked.get("since"), asked.get("limit")
    limit = _LIMIT_MAX if limit is None or limit is False else limit
    if not _is_whole(since_ms) or not _is_whole(limit):
        raise BadReplay("Replay params are not valid")
    if not _SINCE_MS_MIN <= since_ms <= _SINCE_MS_MAX:
        raise BadReplay("Replay params are not valid")
    return Replay(since_ms / 1000, max(1, min(limit, _LIMIT_MAX)))


def play(state: State, channel: Channel, replay: Replay, now_s: float) -> None:
    """Send the messages, oldest first."""
    for message in state.database.messages(channel.sub_topic, replay.since_s, replay.limit, now_s):
        _send(state, channel, message)


def _send(state: State, channel: Channel, message: StoredMessage) -> None:
    meta = {"id": message.id, "replayed": True}
    if message.binary is None:
        body = sorted_keys(json.loads(json_text(message.payload)))
        pushed = {"event": message.event, "meta": meta, "payload": body, "type": "broadcast"}
        state.push(channel, BROADCAST, pushed)
    elif channel.connection.codec is not V1:
        sent = db_broadcast.sent(message, meta)
        state.send(
            channel.connection, Message(channel.topic, BROADCAST, sent, kind=Kind.USER_BROADCAST)
        )


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
