"""Joining: what the payload means, who may, and the late answers that block the whole socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fake_server.core.effects import Block
from fake_server.core.state import Channel, Connection, State
from fake_server.elixir import inspect
from fake_server.features import postgres_changes
from fake_server.tokens import Claims, TokenRefused, verify
from harness.protocol import PRESENCE_STATE, TOPIC_PREFIX, Message

_ACCESS = (
    'the Access module supports only keyword lists (with atom keys), got: "broadcast"\n\n'
    "If you want to search lists of tuples, use List.keyfind/3"
)


class _Refused(Exception):
    """The join is answered with this reason."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A join that is decided and will be answered."""

    request: Message
    replaced: Channel | None
    outcome: Channel | str
    """The channel to be, or the reason of the refusal."""


def handle(state: State, connection: Connection, request: Message, now_s: float) -> None:
    """Decide a join; answer it now, or block the connection and answer it later (§2.5)."""
    replaced = connection.channels.get(request.topic)
    if replaced is not None:
        state.quit(replaced, "duplicate")
    delay_s = state.levers.take_join_delay_s()
    outcome: Channel | str
    try:
        outcome = _decide(state, connection, request, now_s)
    except _Refused as refused:
        outcome = str(refused)
        delay_s = max(delay_s, state.config.join_error_delay_s)
    connection.waiting_join = _Waiting(request, replaced, outcome)
    if delay_s > 0:
        state.effects.append(Block(connection.id, delay_s))
    else:
        finish(state, connection, now_s)


def finish(state: State, connection: Connection, now_s: float) -> None:
    """Answer the join that was decided.

    The new join is answered before the old channel is closed: a client that takes that `phx_close`
    for its new channel's leaves what it has just joined (`protocol.md §2.8`).
    """
    waiting: _Waiting = connection.waiting_join
    connection.waiting_join = None
    request = waiting.request
    if isinstance(waiting.outcome, Channel):
        state.enter(waiting.outcome, now_s)
        response: dict[str, Any] = {"postgres_changes": waiting.outcome.bindings}
        state.reply(connection, request, request.join_ref, "ok", response)
    else:
        state.reply(connection, request, request.join_ref, "error", {"reason": waiting.outcome})
    if waiting.replaced is not None:
        state.close_channel(waiting.replaced)
    if isinstance(waiting.outcome, Channel):
        _after_reply(state, waiting.outcome)


def _after_reply(state: State, channel: Channel) -> None:
    """What follows the reply, in the order of `protocol.md §2.9`."""
    postgres_changes.subscribe(state, channel)
    if channel.presence_enabled:
        state.push(channel, PRESENCE_STATE, {})


def _decide(state: State, connection: Connection, request: Message, now_s: float) -> Channel:
    payload = request.payload
    if request.topic == TOPIC_PREFIX:
        raise _Refused("TopicNameRequired: You must provide a topic name")
    if not isinstance(payload, dict):
        raise _Refused(
            f"UnknownErrorOnChannel: expected params to be a :map, got: `{inspect(payload)}`"
        )
    if len(connection.channels) >= state.config.channels_per_client_max:
        raise _Refused("ChannelRateLimitReached: Too many channels")
    token = _token(payload, connection.token)
    claims = _claims(state, token, now_s)
    channel = _channel(connection, request, token, claims)
    _check_permissions(state, channel, _section(payload.get("config"), "broadcast"))
    return channel


def _token(payload: dict[str, Any], connect_token: str) -> str:
    """The token of the channel, by the precedence of `protocol.md §2.1` and §6.3."""
    access_token = payload.get("access_token")
    if isinstance(access_token, str) and access_token.startswith("sb_"):
        return connect_token
    for token in (payload.get("user_token"), access_token):
        if isinstance(token, str):
            return token
    return connect_token


def _claims(state: State, token: str, now_s: float) -> Claims:
    try:
        return verify(token, state.config.jwt_secret, now_s)
    except TokenRefused as refused:
        raise _Refused(refused.at_join) from None


def _channel(connection: Connection, request: Message, token: str, claims: Claims) -> Channel:
    config = _config(request.payload)
    broadcast = _section(config, "broadcast")
    try:
        bindings = postgres_changes.bindings(request.topic, request.payload)
    except postgres_changes.BadBinding as error:
        raise _Refused(f"UnknownErrorOnChannel: {error}") from None
    return Channel(
        connection,
        request.topic,
        request.join_ref,
        request.ref if request.join_ref is None else request.join_ref,
        token,
        claims,
        private=_flexible_bool(config.get("private")),
        ack=_flexible_bool(broadcast.get("ack")),
        hears_itself=_flexible_bool(broadcast.get("self")),
        presence_enabled=_flexible_bool(_section(config, "presence").get("enabled")),
        bindings=bindings,
    )


def _config(payload: dict[str, Any]) -> dict[str, Any]:
    config = payload.get("config")
    if isinstance(config, dict) or config is None:
        return config or {}
    if isinstance(config, list):
        raise _Refused(f"UnknownErrorOnChannel: {_ACCESS}")
    raise _Refused("UnknownErrorOnChannel: no function clause matching in Access.get/3")


def _section(config: Any, name: str) -> dict[str, Any]:
    """One part of the config; what has the wrong type counts as absent (`protocol.md §2.1`)."""
    section = config.get(name) if isinstance(config, dict) else None
    return section if isinstance(section, dict) else {}


def _flexible_bool(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _check_permissions(state: State, channel: Channel, broadcast: dict[str, Any]) -> None:
    if channel.private and not may_read(state, channel.sub_topic, channel.claims.role):
        raise _Refused(f"Unauthorized: {no_permission(channel.sub_topic)}")
    if "replay" in broadcast and not channel.private:
        raise _Refused("UnableToReplayMessages: Replay is not allowed for public channels")


def may_read(state: State, sub_topic: str, role: str) -> bool:
    """Whether this role may join the private channel; who may read may write."""
    return role in ("authenticated", "service_role") and any(
        sub_topic.startswith(topic[:-1]) if topic.endswith("*") else sub_topic == topic
        for topic in state.config.private_topics
    )


def no_permission(sub_topic: str) -> str:
    """The words for a private channel that one may not read (`protocol.md §2.7`)."""
    return f"You do not have permissions to read from this Channel topic: {sub_topic}"
