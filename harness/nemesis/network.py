"""Faults of the network: how each pulls the levers that a world lends."""

from __future__ import annotations

from harness.nemesis.levers import Heal, Levers


async def blackhole(levers: Levers) -> Heal:
    """Packets vanish both ways for a while (`hole(both)` of `failures.md` §0.3)."""
    return await levers.network.cut()


async def outage(levers: Levers) -> Heal:
    """Connections end and connects are refused for a while (`refuse`)."""
    return await levers.network.refuse()


async def reset(levers: Levers) -> None:
    """Every live connection is reset (`rst`)."""
    await levers.network.reset()


async def half_open(levers: Levers) -> None:
    """A NAT forgets the live connections: no FIN, no RST, only silence (`dead-flow`)."""
    await levers.network.silence_live()


async def slow_network(
    levers: Levers,
    latency_s: float = 2.0,
    jitter_s: float = 0.0,
    bytes_per_s: float | None = None,
) -> Heal:
    """Latency, jitter and a bandwidth limit on what the server sends (`slow`)."""
    return await levers.network.slow(latency_s, jitter_s, bytes_per_s)
