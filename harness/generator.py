"""Schedules are values: what a scenario does and when, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.nemesis import Fault
from harness.numeric import is_number


@dataclass(frozen=True, slots=True)
class Act:
    """The nemesis starts a fault or heals it, `at_s` after the steady state."""

    at_s: float
    f: Literal["start", "heal"]
    fault: Fault


CALLS: Mapping[str, tuple[str, ...]] = {
    "open": (),
    "subscribe": ("topic",),
    "leave": ("topic",),
    "broadcast": ("topic", "id"),
    "set_token": ("token_id",),
    "close": (),
}
"""What an application may call, and what each call must say. A client that is closed is to be
opened again, and then told again what is wanted of it."""


class BadCall(ValueError):
    """A call that no client could be asked to make: names it, the rule and the known ones."""


@dataclass(frozen=True, slots=True)
class Call:
    """The application calls its client `at_s` after the steady state.

    `f` is an op of the client contract, one of `CALLS`. Raises `BadCall`.
    """

    at_s: float
    f: str
    process: str = "client-0"
    value: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.f not in CALLS:
            raise BadCall(f"unknown call {self.f!r}; known: {', '.join(CALLS)}")
        if not (is_number(self.at_s) and self.at_s >= 0):
            raise BadCall(f"call {self.f!r}: at_s={self.at_s!r} is no moment; say 0 or more")
        if tuple(sorted(self.value)) != tuple(sorted(CALLS[self.f])):
            raise BadCall(
                f"call {self.f!r} says {', '.join(self.value) or 'nothing'}; "
                f"it must say: {', '.join(CALLS[self.f])}"
            )


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
