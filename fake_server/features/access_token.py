"""A channel's token: replaced by the client, looked at when it runs out, never answered."""

from __future__ import annotations

from fake_server.core.state import Channel, State
from fake_server.features import link, postgres_changes
from fake_server.features.join import no_permission
from fake_server.tokens import Claims, TokenRefused, confirm
from harness.protocol import Message

_ABSENT = object()


def handle(state: State, channel: Channel, request: Message, now_s: float) -> None:
    """Take a new token (`protocol.md §6.4`): silence if it is good, else the channel ends."""
    payload = request.payload
    token = payload.get("access_token", _ABSENT) if isinstance(payload, dict) else _ABSENT
    if not isinstance(token, str):
        if token is not None:
            # It means nothing, and what means nothing is counted all the same.
            state.limits.events.add(now_s)
        return
    if not token.startswith("sb_") and token != channel.token:
        claims = _confirmed(state, channel, token, now_s)
        if claims is not None:
            _take(state, channel, token, claims, now_s)


def check(state: State, channel: Channel, now_s: float) -> None:
    """Look at the token again; a channel whose token has expired ends (`protocol.md §6.5`)."""
    if _confirmed(state, channel, channel.token, now_s) is not None:
        state.check_token_later(channel, now_s)


def _confirmed(state: State, channel: Channel, token: str, now_s: float) -> Claims | None:
    """The claims of a token that may go on; None, and the channel is ended, for another."""
    try:
        return confirm(token, *state.config.trust(now_s))
    except TokenRefused as refused:
        state.end(channel, refused.while_joined)
        return None


def _take(state: State, channel: Channel, token: str, claims: Claims, now_s: float) -> None:
    trouble = link.may_read(state, channel.private, link.scope(channel), now_s)
    reason: str | None = None
    if trouble is not None:
        reason = trouble.while_joined
    elif channel.access is not None:
        reason = _look_up_again(state, channel, claims)
    if reason is not None:
        state.end(channel, reason)
        return
    channel.token, channel.claims = token, claims
    state.check_token_later(channel, now_s)
    postgres_changes.subscribe_again(state, channel, now_s)


def _look_up_again(state: State, channel: Channel, claims: Claims) -> str | None:
    """Find out what the new claims allow in a private channel; why it has to end, if it has."""
    before, after = channel.access, state.access(channel.sub_topic, claims)
    if not after.read(with_presence=channel.presence.enabled):
        return no_permission(channel.sub_topic)
    if before is not None and before.lost(after):
        return f"You no longer have permission to read from this Channel topic: {channel.sub_topic}"
    channel.access = after
    channel.presence.routed = after.presence_read is None
    return None
