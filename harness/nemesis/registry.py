"""Every fault by its name, and the one place that strikes."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, get_args, get_type_hints

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
    hints = get_type_hints(injector)
    lasts = hints.pop("return") is not type(None)
    del hints["levers"]
    for name, value in fault.parameters.items():
        _check_parameter(fault, name, value, hints)
    if lasts and fault.for_s is None:
        raise BadFault(f"fault {fault.name!r} lasts: say for how long, as for_s=20")
    if not lasts and fault.for_s is not None:
        raise BadFault(f"fault {fault.name!r} happens once and is never healed: leave for_s out")


def check_schedule(faults: Iterable[Fault]) -> None:
    """Refuse faults that cannot strike, alone or together. Raises `BadFault`.

    Two of one name must not overlap: the first heal would take back both.
    """
    ends_s: dict[str, float] = {}
    for fault in sorted(faults, key=lambda one: one.after_s):
        check_fault(fault)
        if fault.after_s <= ends_s.get(fault.name, -1.0):
            raise BadFault(
                f"{fault!r} begins before the {fault.name!r} in front of it is over; make them one"
            )
        ends_s[fault.name] = fault.ends_s


async def strike(fault: Fault, levers: Levers) -> Heal | None:
    """Make the fault happen; returns how to take it back, if it can be. Raises `CannotExpress`."""
    return await FAULTS[fault.name](levers, **fault.parameters)


def _check_parameter(fault: Fault, name: str, value: Any, hints: Mapping[str, Any]) -> None:
    if name not in hints:
        has = ", ".join(hints) or "none"
        raise BadFault(f"fault {fault.name!r} has no parameter {name!r}; it has: {has}")
    kinds = get_args(hints[name]) or (hints[name],)
    if value is None and type(None) in kinds:
        return
    wanted = "a whole number" if int in kinds else "a number"
    numbers = int if int in kinds else int | float
    if not isinstance(value, numbers) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise BadFault(f"fault {fault.name!r}: {name}={value!r} is not {wanted} from 0 on")
