"""Whether the tenant's database can be reached, and asked: what joins, tokens and messages need.

Its troubles, and the words for them, are in `switches.trouble` (`protocol.md §2.4`, `§9`, no. 16).
"""

from __future__ import annotations

from fake_server.core.state import Channel, State
from fake_server.switches.trouble import POOL_EXHAUSTED, TOO_MANY_ATTEMPTS, TROUBLES, Trouble

_ATTEMPTS_MAX = 3
"""So many connections that failed in 5 s, and none is tried (`protocol.md §7.3`)."""
_GIVES_UP_S = 10.0
"""How long, about, the worker that reads changes looks for its database: six times, 0.1 to 5 s
apart (`protocol.md §9`, no. 7)."""

Scope = tuple[int | None, str | None, str | None]
"""Who asks: the connection, its client, and the topic; None where there is none."""


def scope(channel: Channel) -> tuple[int, str | None, str]:
    """A channel as the levers know it."""
    return channel.connection.id, channel.connection.client, channel.topic


def connected(state: State, who: Scope, now_s: float) -> Trouble | None:
    """Why there is no connection to the database; None when there is one. A failure counts."""
    if not (state.link_lost or state.switches.has_trouble):
        return None
    trouble = state.switches.trouble(*who, asks_policies=False)
    if trouble is None and not state.link_lost:
        return None
    attempts = state.limits.connect_errors
    if attempts.total(now_s) >= _ATTEMPTS_MAX:
        return TOO_MANY_ATTEMPTS
    state.link_lost = trouble is not None and trouble.is_attempt
    if state.link_lost:
        attempts.add(now_s)
    return trouble


def authorized(state: State, who: Scope, now_s: float) -> Trouble | None:
    """Why the row policies cannot be asked; None when they can. An exhausted pool counts, and keeps
    everybody out while there were as many in 30 s as it has connections (`protocol.md §7.3`)."""
    exhausted = state.limits.authorization_errors
    if exhausted.total(now_s) >= state.config.db_pool:
        return TROUBLES[POOL_EXHAUSTED]
    trouble = state.switches.trouble(*who, asks_policies=True)
    if trouble is TROUBLES[POOL_EXHAUSTED]:
        exhausted.add(now_s)
    return trouble


def may_read(state: State, private: bool, who: Scope, now_s: float) -> Trouble | None:
    """Why a channel cannot be joined or kept with a new token, as far as the database goes."""
    return connected(state, who, now_s) or (authorized(state, who, now_s) if private else None)


def may_write(state: State, channel: Channel, now_s: float) -> Trouble | None:
    """The same for a message of a private channel, whose right to write is asked for once."""
    assert channel.access is not None
    who, asks = scope(channel), not channel.access.writes_known
    return connected(state, who, now_s) or (authorized(state, who, now_s) if asks else None)


def found_again(state: State, lasted_s: float) -> None:
    """The database is back. Its log was read through temporary slots: what was written meanwhile is
    lost, and so are the subscriptions when the worker had given up (`protocol.md §9`, no. 6)."""
    state.database.take_messages()
    changes = state.database.take_changes()
    if changes:
        state.truth("changes_lost", count=len(changes), reason="the database was down")
    if lasted_s >= _GIVES_UP_S:
        state.feed.die()
