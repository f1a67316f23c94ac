"""Joining: what the payload means, who may, and the late answers that block the whole socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fake_server.authorization import Access
from fake_server.core.presence import Presence
from fake_server.core.state import Channel, Connection, State
from fake_server.effects import Block, HangupWhenRead
from fake_server.elixir import inspect
from fake_server.features import db_broadcast, link, postgres_changes, presence, quota, replay
from fake_server.tokens import Claims, TokenRefused, confirm
from harness.protocol import TOPIC_PREFIX, Message

_ACCESS = (
    'the Access module supports only keyword lists (with atom keys), got: "{}"\n\n'
    "If you want to search lists of tuples, use List.keyfind/3"
)
_NO_TENANT = "TenantNotFound: Tenant with the given ID does not exist"


class _Refused(Exception):
    """The join is answered with this reason, and the connection perhaps closed after it."""

    def __init__(self, reason: str, close_code: int | None = None) -> None:
        super().__init__(reason)
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A join that is decided and will be answered."""

    request: Message
    replaced: Channel | None
    outcome: Channel | str
    """The channel to be, or the reason of the refusal."""
    close_code: int | None = None
    """What the connection is closed with after the answer."""


def handle(state: State, connection: Connection, request: Message, now_s: float) -> None:
    """Decide a join; answer it now, or block the connection and answer it later (§2.5)."""
    replaced = connection.channels.get(request.topic)
    if replaced is not None:
        state.quit(replaced, "duplicate")
    delay_s = state.switches.join_delay_s(connection.id, connection.client, request.topic)
    outcome: Channel | str
    close_code = None
    try:
        outcome = _decide(state, connection, request, now_s)
    except _Refused as refused:
        outcome, close_code = str(refused), refused.close_code
        delay_s = max(delay_s, state.config.join_error_delay_s)
    connection.waiting_join = _Waiting(request, replaced, outcome, close_code)
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
        # What was stored before belongs to a replay, not to the live messages of this channel.
        db_broadcast.deliver(state, now_s)
        state.enter(waiting.outcome, now_s)
        response: dict[str, Any] = {"postgres_changes": waiting.outcome.bindings}
        state.reply(connection, request, request.join_ref, "ok", response)
    else:
        state.reply(connection, request, request.join_ref, "error", {"reason": waiting.outcome})
        state.note_channels(connection)
    if waiting.replaced is not None:
        state.close_channel(waiting.replaced)
    if isinstance(waiting.outcome, Channel):
        _after_reply(state, waiting.outcome, now_s)
    if waiting.close_code is not None:
        # The transport reads its own message to hang up after the frames that it has already read:
        # joins that came together with a refused one are answered first (recorded).
        state.effects.append(HangupWhenRead(connection.id, waiting.close_code))


def _after_reply(state: State, channel: Channel, now_s: float) -> None:
    """What follows the reply, in the order of `protocol.md §2.9`."""
    if channel.wants_replay is not None:
        replay.play(state, channel, channel.wants_replay, now_s)
    if channel.wants_ready:
        state.push_system(channel, "ok", "Replication connection established")
    if channel.bindings and state.config.subscribe_s > 0:
        state.settling[channel] = now_s + state.config.subscribe_s
    else:
        settle(state, channel, now_s)


def settle(state: State, channel: Channel, now_s: float) -> None:
    """The subscription to changes is made, and presence told after it: the channel's process does
    one thing after the other, while its socket goes on."""
    state.settling.pop(channel, None)
    postgres_changes.subscribe(state, channel, now_s)
    presence.sync(state, channel, now_s)


def next_settling_s(state: State) -> float | None:
    """When the next channel settles."""
    return next(iter(state.settling.values()), None)


def settle_due(state: State, now_s: float) -> None:
    """Settle the channels whose time has come."""
    for channel in [each for each, when_s in state.settling.items() if when_s <= now_s]:
        settle(state, channel, now_s)


def _decide(state: State, connection: Connection, request: Message, now_s: float) -> Channel:
    """The channel to be, after the checks in the order of `protocol.md §2.4`."""
    payload = request.payload
    ordered = state.switches.error(connection.id, connection.client, request.topic, request.event)
    if ordered is not None:
        raise _Refused(ordered)
    if request.topic == TOPIC_PREFIX:
        raise _Refused("TopicNameRequired: You must provide a topic name")
    if not isinstance(payload, dict):
        raise _Refused(
            f"UnknownErrorOnChannel: expected params to be a :map, got: `{inspect(payload)}`"
        )
    if state.terminating:
        raise _Refused("RealtimeRestarting: Realtime is restarting, please standby")
    if state.switches.tenant_is_deleted:
        raise _Refused(_NO_TENANT, quota.CLOSED_BY_SERVER)
    config = payload.get("config")
    private = isinstance(config, dict) and _flexible_bool(config.get("private"))
    if state.config.private_only and not private:
        raise _Refused("PrivateOnly: This project only allows private channels")
    too_many = quota.at_join(state, connection, now_s)
    if too_many is not None:
        raise _Refused(*too_many)
    token = _token(payload, connection.token)
    channel = _channel(state, connection, request, token, _claims(state, token, now_s))
    if state.config.suspended:
        raise _Refused("RealtimeDisabledForTenant: Realtime disabled for this tenant")
    trouble = link.may_read(state, private, link.scope(channel), now_s)
    if trouble is not None:
        raise _Refused(trouble.at_join)
    if private:
        channel.access = _access(state, channel)
    asked = _section(config, "broadcast")
    channel.wants_replay = _replay(channel, asked)
    channel.wants_ready = _wants_ready(config)
    channel.bindings = _bindings(request)
    channel.old_api = "config" not in payload
    return channel


def _token(payload: dict[str, Any], connect_token: str) -> str:
    """The token of the channel, by the precedence of `protocol.md §2.1` and §6.3."""
    user_token, access_token = payload.get("user_token"), payload.get("access_token")
    first = user_token if access_token in (None, False) else access_token
    if isinstance(first, str) and first.startswith("sb_"):
        return connect_token
    for token in (user_token, access_token):
        if isinstance(token, str):
            return token
    return connect_token


def _claims(state: State, token: str, now_s: float) -> Claims:
    try:
        return confirm(token, *state.config.trust(now_s))
    except TokenRefused as refused:
        raise _Refused(refused.at_join) from None


def _channel(
    state: State, connection: Connection, request: Message, token: str, claims: Claims
) -> Channel:
    config = request.payload.get("config")
    broadcast = _section(config, "broadcast")
    return Channel(
        connection,
        request.topic,
        request.join_ref,
        request.ref if request.join_ref is None else request.join_ref,
        token,
        claims,
        _presence(state, _section(config, "presence")),
        ack=_flexible_bool(broadcast.get("ack")),
        hears_itself=_flexible_bool(broadcast.get("self")),
    )


def _presence(state: State, asked: dict[str, Any]) -> Presence:
    key = asked.get("key")
    if key is None or key == "":
        key = str(UUID(int=state.rng.getrandbits(128), version=1))
    enabled = _flexible_bool(asked.get("enabled")) or state.config.presence_enabled
    return Presence(
        key if isinstance(key, str) else inspect(key),
        enabled,
        calls_max=state.config.presence_calls_max,
        window_s=state.config.presence_window_s,
    )


def _access(state: State, channel: Channel) -> Access:
    """What may be done in this private channel; raises `_Refused` if nothing may be read."""
    access = state.access(channel.sub_topic, channel.claims)
    if not access.read(with_presence=channel.presence.enabled):
        raise _Refused(f"Unauthorized: {no_permission(channel.sub_topic)}")
    channel.presence.routed = access.presence_read is None
    return access


def _bindings(request: Message) -> list[dict[str, Any]]:
    try:
        return postgres_changes.bindings(request.topic, request.payload)
    except postgres_changes.BadBinding as error:
        raise _Refused(f"UnknownErrorOnChannel: {error}") from None


def _wants_ready(config: Any) -> bool:
    """Whether the join asks to be told when the database's messages are listened to: what it says
    is read as it came, and everything but null and false is yes (`protocol.md §2.1`)."""
    wanted = _raw(_raw(config, "broadcast"), "replication_ready")
    return wanted is not None and wanted is not False


def _raw(container: Any, key: str) -> Any:
    """What Elixir reads under a key; raises `_Refused` for what has none."""
    if isinstance(container, list):
        raise _Refused(f"UnknownErrorOnChannel: {_ACCESS.format(key)}")
    if container is not None and not isinstance(container, dict):
        raise _Refused("UnknownErrorOnChannel: no function clause matching in Access.get/3")
    return None if container is None else container.get(key)


def _section(config: Any, name: str) -> dict[str, Any]:
    """One part of the config; what has the wrong type counts as absent (`protocol.md §2.1`)."""
    section = config.get(name) if isinstance(config, dict) else None
    return section if isinstance(section, dict) else {}


def _flexible_bool(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _replay(channel: Channel, broadcast: dict[str, Any]) -> replay.Replay | None:
    if "replay" not in broadcast:
        return None
    if channel.access is None:
        raise _Refused("UnableToReplayMessages: Replay is not allowed for public channels")
    if not channel.access.broadcast_read:
        raise _Refused(f"Unauthorized: {no_permission(channel.sub_topic)}")
    try:
        return replay.wanted(broadcast["replay"])
    except replay.BadReplay as error:
        raise _Refused(f"UnableToReplayMessages: {error}") from None


def no_permission(sub_topic: str) -> str:
    """The words for a private channel that one may not read (`protocol.md §2.7`)."""
    return f"You do not have permissions to read from this Channel topic: {sub_topic}"
