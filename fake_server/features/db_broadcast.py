"""Broadcasts that the database sends: rows of `realtime.messages`, picked up at once (§4.6)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from fake_server.changes import payload
from fake_server.core.state import State
from fake_server.database import StoredMessage, json_text
from fake_server.elixir import external_size
from fake_server.features import broadcast
from harness.protocol import BROADCAST, TOPIC_PREFIX, V1, Codec, Kind, Message, UserBroadcast


def deliver(state: State, now_s: float) -> None:
    """Broadcast what was stored since the last time. What has no event, is too large or comes
    when the tenant's events are used up is dropped without a word, and so is all of it while the
    database cannot be reached."""
    messages = state.database.take_messages()
    if state.switches.database_is_down:
        return
    for message in messages:
        over = state.limits.events.reached(now_s, state.config.events_per_s_max)
        if message.event is not None and not over and not _too_large(state, message):
            room = (message.topic, message.private)
            broadcast.announce(state, room, partial(_frame, message), now_s)


def sent(message: StoredMessage, metadata: dict[str, Any]) -> UserBroadcast:
    """A stored message as the binary frames of V2 carry it."""
    if message.binary is not None:
        return UserBroadcast(message.event or "", message.binary, "binary", metadata)
    body = json_text(message.payload).encode()
    return UserBroadcast(message.event or "", body, "json", metadata)


def _too_large(state: State, message: StoredMessage) -> bool:
    content = message.binary if message.binary is not None else json_text(message.payload)
    return external_size(content) > state.config.payload_kb_max * 1000 + 500


def _frame(message: StoredMessage, codec: Codec) -> str | bytes | None:
    topic = f"{TOPIC_PREFIX}{message.topic}"
    if codec is not V1:
        body = sent(message, {"id": message.id})
        return codec.encode(
            Message(topic, BROADCAST, body, kind=Kind.USER_BROADCAST), sender="server"
        )
    if message.binary is not None:
        return None
    event = json.dumps(message.event, ensure_ascii=False)
    inner = (
        f'{{"event":{event},"meta":{{"id":{json.dumps(message.id)}}},'
        f'"payload":{json_text(message.payload)},"type":"broadcast"}}'
    )
    return payload.frame(codec, topic, BROADCAST, inner)
