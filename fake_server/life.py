"""How connections end for reasons of the server's own: its tenant, its last hour, its sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fake_server.core.state import Connection, State
from harness.protocol import SYSTEM, Message

DRAIN_BATCH = 10_000
DRAIN_GAP_S = 2.0
"""How many channels are drained at a time after SIGTERM, and how far apart (`protocol.md §9`)."""
DRAIN_S = 30.0
"""How long that may take in all; who is left then goes with the process."""
LINGER_S = 5.0
"""How long the process lives on after that while connections are open (recorded)."""
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


def terminate(state: State) -> dict[int, int]:
    """SIGTERM: joins are refused from now on. Returns the connections that have channels, and how
    many, in order of arrival."""
    state.terminating = True
    return {
        connection.id: len(connection.channels)
        for connection in state.connections.values()
        if connection.channels
    }


def drain(state: State, conns: Sequence[int]) -> None:
    """Close these connections; but those whose channels all have something tracked crash first and
    stay (recorded)."""
    for conn in conns:
        if conn in state.connections:
            _drain(state, state.connections[conn])


def batches(channels: Mapping[int, int], size: int) -> Iterator[list[int]]:
    """Connections with their numbers of channels in batches of at most so many channels, but of one
    connection at least."""
    batch: list[int] = []
    room = size
    for conn, count in channels.items():
        if batch and count > room:
            yield batch
            batch, room = [], size
        batch.append(conn)
        room -= count
    if batch:
        yield batch


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
