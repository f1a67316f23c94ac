"""Presence: who is here under which key, told to a channel at its join and at each change."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from fake_server.core.state import Channel, State
from fake_server.elixir import external_size, sorted_keys
from fake_server.features import link, quota
from harness.protocol import PRESENCE_DIFF, PRESENCE_STATE, Message

_TOO_MANY_CALLS = "Client presence rate limit exceeded"
_TOO_LARGE = "Track message size exceeded"
_NO_MAP = {"reason": "Presence track payload must be a map"}

Metas = dict[str, dict[str, list[Mapping[str, Any]]]]
"""Keys, and under each the metas of the channels that track it."""


def handle(state: State, channel: Channel, request: Message, now_s: float) -> None:
    """Do what a client's presence push asks (`protocol.md §5.1`)."""
    payload = request.payload
    if channel.access is not None and link.connected(state, link.scope(channel), now_s):
        _reply(state, channel, request, "error", {})
    elif not isinstance(payload, dict) or "event" not in payload:
        _reply(state, channel, request, "ok", {})
    elif not isinstance(payload["event"], str):
        state.crash(channel)
    elif not channel.presence.take_call(now_s):
        state.end(channel, _TOO_MANY_CALLS)
    else:
        _act(state, channel, request, now_s)


def sync(state: State, channel: Channel, now_s: float) -> None:
    """Tell a channel that has just joined who is here, if it asked and may know (§5.2)."""
    readable = channel.access is None or channel.access.presence_read
    if channel.presence.enabled and readable and quota.may_use_presence(state, channel, now_s):
        metas: Metas = {}
        for member in state.rooms[channel.room].values():
            if member.presence.meta is not None:
                metas.setdefault(member.presence.key, {"metas": []})["metas"].append(
                    member.presence.meta
                )
        state.push(channel, PRESENCE_STATE, {key: metas[key] for key in sorted(metas)})


def tell_departures(state: State) -> None:
    """Tell the rooms which presences ended with their channels."""
    departed, state.departed = state.departed, []
    for channel in departed:
        if channel.presence.meta is not None:
            _tell(state, channel, {}, _under_key(channel, channel.presence.meta))


def _act(state: State, channel: Channel, request: Message, now_s: float) -> None:
    match _ascii_lower(request.payload["event"]):
        case "track" if _may_track(state, channel, now_s):
            _track(state, channel, request, now_s)
        case "untrack":
            _reply(state, channel, request, "ok", {})
            _untrack(state, channel)
        case _:
            _reply(state, channel, request, "error", {})


def _may_track(state: State, channel: Channel, now_s: float) -> bool:
    if channel.access is None:
        return True
    asks = not channel.access.writes_known
    if asks and link.authorized(state, link.scope(channel), now_s):
        return False
    return channel.access.may_track()


def _track(state: State, channel: Channel, request: Message, now_s: float) -> None:
    tracked = request.payload.get("payload", {})
    text = json.dumps(tracked, sort_keys=True)
    if not isinstance(tracked, dict):
        _reply(state, channel, request, "error", _NO_MAP)
    elif text == channel.presence.payload_text:
        _reply(state, channel, request, "ok", {})
    elif external_size(tracked) > state.config.payload_kb_max * 1000 + 500:
        state.end(channel, _TOO_LARGE)
    elif quota.may_use_presence(state, channel, now_s):
        channel.presence.enabled, channel.presence.payload_text = True, text
        _reply(state, channel, request, "ok", {})
        _replace(state, channel, sorted_keys(tracked), now_s)


def _replace(state: State, channel: Channel, tracked: dict[str, Any], now_s: float) -> None:
    presence = channel.presence
    old, old_ref, presence.ref = presence.meta, presence.ref, _ref(state, now_s)
    previous = {} if old is None else {"phx_ref_prev": old_ref}
    presence.meta = {"phx_ref": presence.ref, **previous, **tracked}
    leaves = {} if old is None else _under_key(channel, old)
    _tell(state, channel, _under_key(channel, presence.meta), leaves)


def _untrack(state: State, channel: Channel) -> None:
    old = channel.presence.meta
    channel.presence.meta = channel.presence.payload_text = None
    if old is not None:
        _tell(state, channel, {}, _under_key(channel, old))


def _tell(state: State, source: Channel, joins: Metas, leaves: Metas) -> None:
    """A diff for every channel of the room that may know, encoded once a version (§5.4)."""
    diff = {"joins": joins, "leaves": leaves}
    frames: dict[str, str | bytes] = {}
    for member in state.rooms.get(source.room, {}).values():
        readable = member.access is None or member.access.presence_read
        if readable:
            state.limits.presence.add(state.now_s)
        if readable and member.presence.routed:
            state.push(member, PRESENCE_DIFF, diff)
        elif readable:
            codec = member.connection.codec
            if codec.vsn not in frames:
                message = Message(source.topic, PRESENCE_DIFF, diff)
                frames[codec.vsn] = codec.encode(message, sender="server")
            state.write(member.connection, frames[codec.vsn])


def _under_key(channel: Channel, meta: Mapping[str, Any]) -> Metas:
    return {channel.presence.key: {"metas": [meta]}}


def _reply(
    state: State, channel: Channel, request: Message, status: str, response: Mapping[str, Any]
) -> None:
    state.reply(channel.connection, request, channel.push_ref, status, response)


def _ref(state: State, now_s: float) -> str:
    """16 characters: the time in nanoseconds, and what tells apart refs of the same time."""
    time_ns = int(now_s * 1e9)
    return urlsafe_b64encode(time_ns.to_bytes(8, "big") + state.rng.randbytes(4)).decode()


def _ascii_lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)
