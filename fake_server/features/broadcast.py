"""Broadcast: from one channel to the others of its room, encoded once for each version."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fake_server.core.state import Channel, Connection, Room, State
from fake_server.elixir import external_size, notation, sorted_keys
from fake_server.features import link, quota
from harness.protocol import BROADCAST, TOPIC_PREFIX, V1, Codec, Kind, Message, UserBroadcast

_NO_JSON = '%{error: "unable to parse response"}'
"""What V1 clients get for a binary push: not JSON, as the real server sends it (recorded)."""

Encode = Callable[[Codec], "str | bytes | None"]


def handle(state: State, channel: Channel, request: Message, now_s: float) -> None:
    """Fan a client's broadcast out, then acknowledge it if the channel asked for that (§4.3).

    Without permission to send, or a database that could say so, there is no answer at all.
    """
    if channel.access is not None and (
        link.may_write(state, channel, now_s) or not channel.access.may_broadcast()
    ):
        return
    if _payload_bytes(request) > state.config.payload_kb_max * 1000 + 500:
        _acknowledge(state, channel, request, "error", "payload_size_exceeded")
        return
    receivers = [
        member
        for member in state.rooms[channel.room].values()
        if member is not channel or channel.hears_itself
    ]
    if channel.private:
        receivers = list(filter(_may_hear, receivers))
    if _crashes_v2(request) and any(member.connection.codec is not V1 for member in receivers):
        state.crash(channel)
        return
    state.limits.events.add(now_s)
    _fan_out(state, receivers, _encoder(channel.topic, request))
    _acknowledge(state, channel, request, "ok", {})
    quota.delivered(state, receivers, now_s)


def publish(
    state: State,
    topic: str,
    event: str,
    payload: Any,
    now_s: float,
    *,
    private: bool = False,
    message_id: str | None = None,
) -> int:
    """Broadcast from the server's own side, as the REST API's batch does, to the channels of a
    sub-topic; returns how many there are."""
    meta = {} if message_id is None else {"meta": {"id": message_id}}
    body = {"event": event, "payload": payload, "type": "broadcast", **meta}
    return _announce(state, (topic, private), Kind.TEXT, body, now_s)


def publish_alone(
    state: State, topic: str, sent: UserBroadcast, now_s: float, *, private: bool = False
) -> int:
    """The same as the REST API's single message does it: V2 receivers get it as binary. Raises
    `MalformedMessage` when there are any and a frame cannot carry it."""
    return _announce(state, (topic, private), Kind.USER_BROADCAST_PUSH, sent, now_s)


def user_id(request: Message) -> Any:
    """The `id` that the application gave its message, for the ground truth; None without one, or
    when it is neither text nor a whole number."""
    payload = request.payload
    if isinstance(payload, UserBroadcast):
        body = _json_or_none(payload)
    else:
        body = payload.get("payload") if isinstance(payload, dict) else None
    found = body.get("id") if isinstance(body, dict) else None
    return found if isinstance(found, str | int) else None


def announce(state: State, room: Room, encode: Encode, now_s: float) -> int:
    """Send to all of a room who may hear it; returns how many there are."""
    receivers = [member for member in state.rooms.get(room, {}).values() if _may_hear(member)]
    state.limits.events.add(now_s)
    _fan_out(state, receivers, encode)
    quota.delivered(state, receivers, now_s)
    return len(receivers)


def _announce(state: State, room: Room, kind: Kind, payload: Any, now_s: float) -> int:
    topic = f"{TOPIC_PREFIX}{room[0]}"
    encode = _encoder(topic, Message(topic, BROADCAST, payload, kind=kind))
    return announce(state, room, encode, now_s)


def _may_hear(channel: Channel) -> bool:
    return channel.access is None or channel.access.broadcast_read


def _json_or_none(broadcast: UserBroadcast) -> Any:
    if broadcast.encoding != "json":
        return None
    try:
        return json.loads(broadcast.payload)
    except (ValueError, RecursionError):
        return None


def _payload_bytes(request: Message) -> int:
    payload = request.payload
    return external_size(payload.payload if isinstance(payload, UserBroadcast) else payload)


def _crashes_v2(request: Message) -> bool:
    """A payload that is no object: the V2 serialiser raises, in the sender's process (§4.1)."""
    return request.kind is Kind.TEXT and not isinstance(request.payload, dict)


def _acknowledge(
    state: State, channel: Channel, request: Message, status: str, response: Any
) -> None:
    if channel.ack:
        state.reply(channel.connection, request, channel.push_ref, status, response)


def _fan_out(state: State, receivers: list[Channel], encode: Encode) -> None:
    """One frame for all who speak the same version."""
    by_vsn: dict[str, list[Connection]] = {}
    for receiver in receivers:
        by_vsn.setdefault(receiver.connection.codec.vsn, []).append(receiver.connection)
    for connections in by_vsn.values():
        frame = encode(connections[0].codec)
        if frame is not None:
            state.write_all(connections, frame)


def _encoder(topic: str, request: Message) -> Encode:
    """How a broadcast looks to a receiver of each version (`protocol.md §4.2`)."""
    match request.kind, request.payload:
        case Kind.USER_BROADCAST_PUSH, UserBroadcast() as pushed:
            return lambda codec: _user_broadcast(codec, topic, pushed)
        case Kind.PUSH, data:
            return lambda codec: _binary_push(codec, topic, data)
        case _:
            message = Message(topic, BROADCAST, sorted_keys(request.payload))
            return lambda codec: _text_broadcast(codec, message)


def _text_broadcast(codec: Codec, message: Message) -> str | bytes:
    frame = codec.encode(message, sender="server")
    return notation(frame) if isinstance(frame, str) else frame


def _user_broadcast(codec: Codec, topic: str, pushed: UserBroadcast) -> str | bytes | None:
    if codec is not V1:
        sent = UserBroadcast(pushed.event, pushed.payload, pushed.encoding)
        message = Message(topic, BROADCAST, sent, kind=Kind.USER_BROADCAST)
        return codec.encode(message, sender="server")
    if pushed.encoding == "binary":
        return None
    # Never parsed, so what is not JSON breaks the client, and what is not UTF-8 stays as it was.
    body = pushed.payload.decode(errors="surrogateescape")
    return _v1_frame(
        topic, f'{{"event":{_quoted(pushed.event)},"payload":{body},"type":"broadcast"}}'
    )


def _binary_push(codec: Codec, topic: str, data: bytes) -> str | bytes:
    if codec is V1:
        return _v1_frame(topic, _NO_JSON)
    return codec.encode(Message(topic, BROADCAST, data, kind=Kind.BROADCAST), sender="server")


def _v1_frame(topic: str, payload: str) -> str:
    return f'{{"ref":null,"event":"broadcast","payload":{payload},"topic":{_quoted(topic)}}}'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
