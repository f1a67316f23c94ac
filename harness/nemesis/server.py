"""Faults of the server: how each pulls the levers of a server under our control."""

from __future__ import annotations

from harness.nemesis.levers import Heal, Levers


async def mute_app(levers: Levers) -> None:
    """The application behind the live connections hangs: pings are answered, nothing else."""
    levers.server.mute_live()


async def restart(levers: Levers) -> Heal:
    """The server is gone for a while, and comes back without memory of its joins."""
    server = levers.server
    host, port = server.host, server.port
    await server.stop()

    async def heal() -> None:
        await server.start(host, port)

    return heal


async def drain(levers: Levers, batch: int = 10, gap_s: float = 1.0) -> None:
    """A rolling deploy: connections are closed with 1012 in batches while others serve."""
    await levers.server.drain(batch, gap_s)


async def close(levers: Levers, code: int = 1000) -> None:
    """Every live connection is closed with a close code."""
    await levers.server.close_connections(code)


async def late_joins(levers: Levers, delay_s: float = 11.5, count: int | None = None) -> Heal:
    """Joins are answered late (`late(join, d)`)."""
    levers.server.answer_joins_late(delay_s, count)

    async def heal() -> None:
        levers.server.answer_joins_late(0.0, None)

    return heal


async def refused_upgrades(
    levers: Levers, status: int = 503, retry_after_s: int | None = None
) -> Heal:
    """The server is reached, but refuses the WebSocket with an HTTP status (`http`)."""
    levers.server.refuse_upgrades(status, retry_after_s)

    async def heal() -> None:
        levers.server.refuse_upgrades(None)

    return heal


async def accept_then_close(levers: Levers, code: int = 1011) -> Heal:
    """Every handshake succeeds and is followed by a close frame (`accept-then`)."""
    levers.server.accept_then_close(code)
    await levers.server.close_connections(code)

    async def heal() -> None:
        levers.server.accept_then_close(None)

    return heal
