"""How connections end for reasons of the server's own: its tenant, its last hour, its sweeps."""

from __future__ import annotations

from fake_server.core.state import Connection, State
from harness.protocol import SYSTEM, Message

_RESTARTING = 1012
_GOODBYE = {"message": "Server requested disconnect", "status": "ok", "extension": "system"}


def disconnect_tenant(state: State) -> None:
    """Close every connection that has a channel, after a word on each of its channels
    (`protocol.md §9`, no. 2)."""
    for connection in list(state.connections.values()):
        for channel in connection.channels.values():
            state.send(connection, Message(channel.topic, SYSTEM, _GOODBYE))
        if connection.channels:
            state.hang_up(connection, _RESTARTING)


def terminate(state: State) -> None:
    """SIGTERM: connections with channels are closed, but those whose channels all have something
    tracked crash first and stay (recorded); so do those without channels. Joins are refused, too
    late for anybody to hear of it."""
    state.terminating = True
    for connection in list(state.connections.values()):
        _drain(state, connection)


def next_sweep_s(state: State) -> float | None:
    """When connections without channels are looked for; None while there are none."""
    return state.next_sweep_s if state.abandoned else None


def sweep(state: State, now_s: float) -> None:
    """Kill the connections that have had channels and have none (`protocol.md §9`, no. 9)."""
    if now_s < state.next_sweep_s:
        return
    for conn in list(state.abandoned):
        if state.connections[conn].waiting_join is None:
            state.kill(state.connections[conn])
    pass_sweeps(state, now_s)


def pass_sweeps(state: State, now_s: float) -> None:
    """Plan the next sweep; those that found nothing are over."""
    interval_s = state.config.no_channel_timeout_s
    state.next_sweep_s += ((now_s - state.next_sweep_s) // interval_s + 1) * interval_s


def _drain(state: State, connection: Connection) -> None:
    for channel in list(connection.channels.values()):
        if channel.presence.meta is not None:
            state.crash(channel)
    if connection.channels:
        state.hang_up(connection, _RESTARTING)
