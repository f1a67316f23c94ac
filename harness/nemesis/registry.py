"""Every fault by its name, and what keeps one from being scheduled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from harness.nemesis.application import APPLICATION
from harness.nemesis.fault import BadFault, Fault
from harness.nemesis.kind import CATEGORIES, FaultKind
from harness.nemesis.near import did_you_mean
from harness.nemesis.network import NETWORK
from harness.nemesis.parameters import checked
from harness.nemesis.process import PROCESS
from harness.nemesis.server import SERVER
from harness.nemesis.victims import victims

FAULTS: Mapping[str, FaultKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in sorted(
            (*NETWORK, *SERVER, *PROCESS, *APPLICATION),
            key=lambda one: CATEGORIES.index(one.category),
        )
    }
)
"""Every fault there is, in the order in which they are listed everywhere."""


def kind_of(name: str) -> FaultKind:
    """The fault of that name. Raises `BadFault` with the nearest name and all that are known."""
    kind = FAULTS.get(name)
    if kind is None:
        near = did_you_mean(name, FAULTS)
        raise BadFault(f"unknown fault {name!r}; {near}known: {', '.join(sorted(FAULTS))}")
    return kind


def values_of(fault: Fault) -> dict[str, Any]:
    """Every parameter of a fault with its value, defaults included. Raises `BadFault`."""
    kind = kind_of(fault.name)
    values = checked(fault.name, kind.parameters, fault.parameters)
    if complaint := kind.rule(values):
        raise BadFault(f"fault {fault.name!r}: {complaint}")
    return values


def check_fault(fault: Fault, clients: Sequence[str] | None = None) -> None:
    """Refuse a fault that could not strike, before anything runs. Raises `BadFault`.

    `clients` are those of the story, where they are known.
    """
    values_of(fault)
    lasts = kind_of(fault.name).lasts
    if lasts and fault.for_s is None:
        raise BadFault(f"fault {fault.name!r} lasts: say for how long, as for_s=20")
    if not lasts and fault.for_s is not None:
        raise BadFault(f"fault {fault.name!r} happens once and is never healed: leave for_s out")
    if clients is not None:
        victims(fault, clients, seed=0)


def check_schedule(faults: Iterable[Fault], clients: Sequence[str] | None = None) -> None:
    """Refuse faults that cannot strike, alone or together. Raises `BadFault`.

    Two of one name must not overlap, unless their kind says that they may or they are kept to
    different clients: the first heal would take back both.
    """
    earlier: list[Fault] = []
    for fault in sorted(_all_faults(faults), key=lambda one: one.after_s):
        check_fault(fault, clients)
        earlier = [one for one in earlier if one.ends_s >= fault.after_s]
        if any(_share_a_lever(one, fault) for one in earlier):
            raise BadFault(
                f"{fault!r} begins before the {fault.name!r} in front of it is over; make them one"
            )
        earlier.append(fault)


def _all_faults(faults: Any) -> list[Fault]:
    given = list(faults) if isinstance(faults, Iterable) else [faults]
    for one in given:
        if one is faults or not isinstance(one, Fault):
            raise BadFault(f"faults={faults!r} is no list of faults, as [Fault('rst', after_s=5)]")
    return given


def _share_a_lever(one: Fault, other: Fault) -> bool:
    if one.name != other.name or not kind_of(one.name).alone:
        return False
    named, others = one.parameters.get("clients"), other.parameters.get("clients")
    return named is None or others is None or not set(named).isdisjoint(others)


def misfit(faults: Iterable[Fault], world: str) -> str | None:
    """Why a world cannot express these faults, or None if it can."""
    for fault in faults:
        if reason := kind_of(fault.name).elsewhere.get(world):
            return f"{fault.name!r} makes no sense in {world}: {reason}"
    return None
