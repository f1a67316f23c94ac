"""What the server knows to be true, as one value: who is joined, by which token, and the counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from fake_server.core.state import Channel, membership

KINDS = ("handshake", "refused", "join", "leave", "disconnect", "frame")
"""The acts of the server that are counted; others that happen are counted as well."""


class Counted(Protocol):
    """A connection whose frames are counted."""

    conn: int
    frames_in: int
    frames_out: int


class Counts:
    """What has happened since the server was made."""

    def __init__(self) -> None:
        self._acts = dict.fromkeys(KINDS, 0)
        self._frames_in = self._frames_out = 0

    def act(self, f: str) -> None:
        """The server did this."""
        self._acts[f] = self._acts.get(f, 0) + 1

    def ended(self, wire: Counted) -> None:
        """The frames of this connection are those that it has had."""
        self._frames_in += wire.frames_in
        self._frames_out += wire.frames_out

    def told(self, live: Iterable[Counted]) -> dict[str, int]:
        """The counts, with those of the live connections."""
        wires = list(live)
        return {
            **self._acts,
            "frames_in": self._frames_in + sum(wire.frames_in for wire in wires),
            "frames_out": self._frames_out + sum(wire.frames_out for wire in wires),
        }


def total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The counts of several tenants as one."""
    found: dict[str, int] = {}
    for each in counts:
        for name, number in each.items():
            found[name] = found.get(name, 0) + number
    return found


def members(tenant: str, channels: Iterable[Channel]) -> list[dict[str, Any]]:
    """Who is joined to what, and the id (`jti`) of the token that the channel holds."""
    return [
        {"tenant": tenant, **membership(channel), "token_id": channel.claims.token_id}
        for channel in channels
    ]


def connections(
    tenant: str, wires: Mapping[int, Counted], clients: Mapping[int, str | None]
) -> list[dict[str, Any]]:
    """The live connections, with what went over them: WebSocket messages in and out."""
    return [
        {
            "tenant": tenant,
            "conn": conn,
            "client": clients[conn],
            "frames_in": wire.frames_in,
            "frames_out": wire.frames_out,
        }
        for conn, wire in wires.items()
        if conn in clients
    ]
