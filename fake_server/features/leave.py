"""Leaving: the reply first, then `phx_close`; the join_ref must be the live one."""

from __future__ import annotations

from fake_server.core.state import Connection, State
from harness.protocol import Message


def handle(state: State, connection: Connection, request: Message) -> None:
    """Leave a topic (`protocol.md §2.8`): with another join_ref than the live one, do nothing."""
    channel = connection.channels.get(request.topic)
    if channel is None:
        state.reply(connection, request, request.join_ref, "ok", {})
    elif channel.join_ref is None or request.join_ref == channel.join_ref:
        state.quit(channel, "client")
        state.reply(connection, request, channel.push_ref, "ok", {})
        state.close_channel(channel)
