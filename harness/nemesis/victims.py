"""Whom a fault hits: all clients, some by name, or a share that a named seed draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from harness.entropy import substream
from harness.nemesis.fault import BadFault, Fault
from harness.nemesis.parameters import NAMES, SHARE, TEXT, Parameter

Victims = tuple[str, ...] | None
"""The clients that are hit, in their order; None: all of them."""

VICTIMS = (
    Parameter("clients", NAMES, None, "only these clients"),
    Parameter(
        "clients_share", SHARE, None, "only this share of the clients, at least one, drawn by lot"
    ),
    Parameter(
        "clients_seed",
        TEXT,
        "victims",
        "the name of the lot: two faults with one name and one share hit the same clients",
    ),
)
"""The parameters of a fault that can be kept to some of the clients."""


def victims(fault: Fault, clients: Sequence[str], seed: int) -> Victims:
    """Whom `fault` hits in the run of `seed`. Raises `BadFault` for a client that is not there."""
    named = fault.parameters.get("clients")
    share = fault.parameters.get("clients_share")
    if named is not None and share is not None:
        raise BadFault(f"fault {fault.name!r}: say clients or clients_share, not both")
    if named is not None:
        return _named(fault, named, clients)
    return None if share is None else _drawn(fault, share, clients, seed)


def _named(fault: Fault, named: Iterable[str], clients: Sequence[str]) -> Victims:
    for name in named:
        if name not in clients:
            few = ", ".join(clients[:5])
            raise BadFault(f"fault {fault.name!r}: there is no client {name!r}; there are: {few}")
    wanted = dict.fromkeys(named)
    return tuple(name for name in clients if name in wanted)


def _drawn(fault: Fault, share: float, clients: Sequence[str], seed: int) -> Victims:
    lot: Any = fault.parameters.get("clients_seed") or "victims"
    drawn = substream(seed, f"victims/{lot}").sample(clients, math.ceil(share * len(clients)))
    wanted = dict.fromkeys(drawn)
    return tuple(name for name in clients if name in wanted)


def cohorts(
    faults: Iterable[Fault], clients: Sequence[str], seed: int
) -> tuple[tuple[str, ...], ...]:
    """The clients in groups of those that all faults treat alike; a world needs one way to the
    server for each. None is named while every fault hits everybody."""
    hits = [group for fault in faults if (group := victims(fault, clients, seed)) is not None]
    found: dict[tuple[bool, ...], list[str]] = {}
    if hits:
        for name in clients:
            found.setdefault(tuple(name in group for group in hits), []).append(name)
    return tuple(tuple(group) for group in found.values())
