"""Every fault by its name, and the one place that strikes."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping

from harness.nemesis import network, server
from harness.nemesis.fault import BadFault, Fault
from harness.nemesis.levers import Heal, Levers

Injector = Callable[..., Awaitable[Heal | None]]

FAULTS: Mapping[str, Injector] = {
    "blackhole": network.blackhole,
    "outage": network.outage,
    "reset": network.reset,
    "half_open": network.half_open,
    "slow_network": network.slow_network,
    "mute_app": server.mute_app,
    "restart": server.restart,
    "drain": server.drain,
    "close": server.close,
    "late_joins": server.late_joins,
    "refused_upgrades": server.refused_upgrades,
    "accept_then_close": server.accept_then_close,
}


def check_fault(fault: Fault) -> None:
    """Refuse a fault that could not strike, before anything runs. Raises `BadFault`."""
    injector = FAULTS.get(fault.name)
    if injector is None:
        raise BadFault(f"unknown fault {fault.name!r}; known: {', '.join(sorted(FAULTS))}")
    known = [name for name in inspect.signature(injector).parameters if name != "levers"]
    for name in fault.parameters:
        if name not in known:
            has = ", ".join(known) or "none"
            raise BadFault(f"fault {fault.name!r} has no parameter {name!r}; it has: {has}")
    lasts = "Heal" in str(inspect.signature(injector).return_annotation)
    if lasts and fault.for_s is None:
        raise BadFault(f"fault {fault.name!r} lasts: say for how long, as for_s=20")
    if not lasts and fault.for_s is not None:
        raise BadFault(f"fault {fault.name!r} happens once and is never healed: leave for_s out")


async def strike(fault: Fault, levers: Levers) -> Heal | None:
    """Make the fault happen; returns how to take it back, if it can be. Raises `CannotExpress`."""
    return await FAULTS[fault.name](levers, **fault.parameters)
