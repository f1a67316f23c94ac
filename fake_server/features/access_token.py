"""A channel's token: replaced by the client, looked at when it runs out, never answered."""

from __future__ import annotations

from fake_server.core.state import Channel, State
from fake_server.features.join import may_read, no_permission
from fake_server.tokens import TokenRefused, verify
from harness.protocol import Message


def handle(state: State, channel: Channel, request: Message, now_s: float) -> None:
    """Take a new token (`protocol.md §6.4`): silence if it is good, else the channel ends."""
    payload = request.payload
    token = payload.get("access_token") if isinstance(payload, dict) else None
    if isinstance(token, str) and not token.startswith("sb_"):
        _take(state, channel, token, now_s)


def check(state: State, channel: Channel, now_s: float) -> None:
    """Look at the token again; a channel whose token has expired ends (`protocol.md §6.5`)."""
    _take(state, channel, channel.token, now_s)


def _take(state: State, channel: Channel, token: str, now_s: float) -> None:
    try:
        claims = verify(token, state.config.jwt_secret, now_s)
    except TokenRefused as refused:
        state.end(channel, refused.while_joined)
        return
    if channel.private and not may_read(state, channel.sub_topic, claims.role):
        state.end(channel, no_permission(channel.sub_topic))
        return
    channel.token, channel.claims = token, claims
    state.check_token_later(channel, now_s)
