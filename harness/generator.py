"""Schedules are values: what a scenario does and when, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.nemesis import Fault


@dataclass(frozen=True, slots=True)
class Act:
    """The nemesis starts a fault or heals it, `at_s` after the steady state."""

    at_s: float
    f: Literal["start", "heal"]
    fault: Fault


@dataclass(frozen=True, slots=True)
class Call:
    """The application calls its client `at_s` after the steady state.

    `f` is an op of the client contract: subscribe, leave, broadcast or set_token.
    """

    at_s: float
    f: str
    process: str = "client-0"
    value: Mapping[str, Any] = field(default_factory=dict)


def call(at_s: float, f: str, *, process: str = "client-0", **value: Any) -> Call:
    """Write a `Call` as it reads aloud: `call(5, "leave", topic="room")`."""
    return Call(at_s, f, process, value)


def timeline(faults: Iterable[Fault]) -> tuple[Act, ...]:
    """Every act of the nemesis in order of time; at one time a heal comes before a start."""
    acts = []
    for fault in faults:
        acts.append(Act(fault.after_s, "start", fault))
        if fault.for_s is not None:
            acts.append(Act(fault.ends_s, "heal", fault))
    return tuple(sorted(acts, key=lambda act: (act.at_s, act.f == "start")))


def calm_s(faults: Iterable[Fault], calls: Iterable[Call] = ()) -> float:
    """When nothing more is done to the clients."""
    return max([fault.ends_s for fault in faults] + [one.at_s for one in calls], default=0.0)
