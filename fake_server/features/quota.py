"""The tenant's limits at work: what counts, and who is hit when too much happens (§7.3)."""

from __future__ import annotations

from collections.abc import Sequence

from fake_server.core.state import Channel, Connection, State

CLOSED_BY_SERVER = 1001
"""What a connection is closed with after some refused joins."""


def at_join(state: State, connection: Connection, now_s: float) -> tuple[str, int | None] | None:
    """Why this join is one too many, and the code that its connection is closed with, if it is;
    None counts it as allowed."""
    config, limits = state.config, state.limits
    if connection.id not in limits.users and len(limits.users) >= config.users_max:
        return "ConnectionRateLimitReached: Too many connected users", None
    if limits.joins.reached(now_s, config.joins_per_s_max):
        return "ClientJoinRateLimitReached: Too many joins per second", CLOSED_BY_SERVER
    limits.joins.add(now_s)
    if len(connection.channels) >= config.channels_per_client_max:
        return "ChannelRateLimitReached: Too many channels", None
    return None


def delivered(state: State, receivers: Sequence[Channel], now_s: float) -> None:
    """Count a message for each channel that got it; each of them ends while the limit is reached,
    after it got the message (recorded)."""
    if not receivers:
        return
    state.limits.events.add(now_s, len(receivers))
    if state.limits.events.reached(now_s, state.config.events_per_s_max):
        for receiver in receivers:
            state.end(receiver, "Too many messages per second")


def may_use_presence(state: State, channel: Channel, now_s: float) -> bool:
    """Count a presence that is tracked or a state that is sent; over the limit the channel ends
    instead."""
    if state.limits.presence.average(now_s) > state.config.presence_events_per_s_max:
        state.end(channel, "Too many presence messages per second")
        return False
    state.limits.presence.add(now_s)
    return True


def changes_pass(state: State, matches: int, now_s: float) -> bool:
    """Count a Postgres change for each subscription that it matches; over the limit the change is
    dropped without a word and does not count (`protocol.md §3.6`)."""
    if state.limits.changes.reached(now_s, state.config.events_per_s_max):
        return False
    state.limits.changes.add(now_s, matches)
    return True
