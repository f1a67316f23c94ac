"""Leaving: the reply first, then `phx_close`; the join_ref must be the live one."""

from __future__ import annotations

from fake_server.core.state import Channel, Connection, State
from harness.protocol import Message


def handle(state: State, connection: Connection, request: Message, now_s: float) -> None:
    """Leave a topic (`protocol.md §2.8`): with another join_ref than the live one, do nothing.

    It is the channel that leaves, not its socket: it ends first what it is doing, while the socket
    reads on. A join of the topic that comes before then ends the channel, and the request to leave
    is never answered (recorded).
    """
    channel = connection.channels.get(request.topic)
    if channel is None:
        state.reply(connection, request, request.join_ref, "ok", {})
    elif channel.join_ref is None or request.join_ref == channel.join_ref:
        when_s = state.settling.get(channel, now_s)
        state.leaving.setdefault(channel, (when_s, request))
        if state.config.subscribe_s == 0:
            # This server's channels take no time for anything.
            finish(state, channel)


def finish(state: State, channel: Channel) -> None:
    """The channel does what it was asked: it answers and is no more."""
    _, request = state.leaving[channel]
    state.quit(channel, "client")
    state.reply(channel.connection, request, channel.push_ref, "ok", {})
    state.close_channel(channel)


def next_due_s(state: State) -> float | None:
    """When the next channel leaves."""
    return min((when_s for when_s, _ in state.leaving.values()), default=None)


def due(state: State, now_s: float) -> None:
    """End the channels whose time has come."""
    for channel in [each for each, (when_s, _) in state.leaving.items() if when_s <= now_s]:
        finish(state, channel)
