"""The course of a run: when the first fault struck, when the nemesis was done, when it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.history import History, Op

SPOILS = ("loss", "once", "order", "changes", "word", "answer", "spread")
"""What a fault can do that no client can help: to a stream that does not break, messages of which
are lost, come more than once, or change places, or only the changes of tables in it are lost; to a
client that can say nothing meanwhile, or return from no call; and to a fleet that is started or
woken at one instant."""

BESIDES = ("felt_by", "spoils", "hits", "victims")
"""What an act says of itself besides the fault and its parameters."""


@dataclass(frozen=True, slots=True)
class Course:
    """The moments that divide a run, in seconds since it began."""

    first_fault_s: float
    """When the nemesis set out to act for the first time; infinity in a run without faults."""
    calm_s: float
    """When the nemesis had acted for the last time: 0 in a run without faults, infinity in a run
    that was cut short while it acted."""
    end_s: float
    """When the last op was recorded: the end, or where the run was cut short."""

    @property
    def has_faults(self) -> bool:
        """Whether the nemesis did anything at all."""
        return self.first_fault_s < math.inf


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault of a run, from the moment it set in to the moment it was healed, if it was."""

    fault: str
    start_s: float
    heal_s: float | None
    felt_by: tuple[str, ...] = ()
    """The signs, of `SIGNS`, that would show it; none: any of them."""
    spoils: tuple[str, ...] = ()
    """What no client can keep meanwhile, of `SPOILS`."""
    hits: int = 0
    """How much the server counted that it struck."""
    victims: tuple[str, ...] | None = None
    """The clients that it struck; None: all of them."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Its own, by name."""

    @property
    def until_s(self) -> float:
        """When it was healed; infinity if it never was."""
        return math.inf if self.heal_s is None else self.heal_s

    def struck(self, client: str) -> bool:
        """Whether it was for this client."""
        return self.victims is None or client in self.victims


def course(history: History) -> Course:
    """Read the course of a run from its nemesis.

    Invoke marks where an act can have begun to work, and info where it has certainly worked:
    through a proxy, clients feel an act between the two (`design.md`, trap 6).
    """
    acts = [op for op in history.ops if op.process == "nemesis"]
    return Course(
        first_fault_s=acts[0].time_s if acts else math.inf,
        calm_s=_calm_s(acts),
        end_s=history.ops[-1].time_s if history.ops else 0.0,
    )


def struck(history: History) -> list[Struck]:
    """Every fault that the nemesis started, in order, each with the heal that belongs to it."""
    found: list[Struck] = []
    # By the id of its call, and by what it is.
    started: dict[object, int] = {}
    lasting: list[tuple[Mapping[str, Any], int]] = []
    for op in history.ops:
        if op.process != "nemesis":
            continue
        if (op.f, op.type) == ("start", "invoke"):
            started[op.id] = len(found)
            lasting.append((_what(op), len(found)))
            found.append(_set_in(op))
        elif (op.f, op.type) == ("start", "info") and op.id in started:
            _count(found, started[op.id], op)
        elif (op.f, op.type) == ("heal", "info"):
            for one in lasting:
                if one[0] == _what(op):
                    lasting.remove(one)
                    found[one[1]] = replace(found[one[1]], heal_s=op.time_s)
                    _count(found, one[1], op)
                    break
    return found


def _set_in(op: Op) -> Struck:
    told = op.value
    victims = told.get("victims")
    return Struck(
        str(told.get("fault")),
        op.time_s,
        None,
        felt_by=tuple(told.get("felt_by", ())),
        spoils=tuple(told.get("spoils", ())),
        victims=None if victims is None else tuple(victims),
        parameters={key: value for key, value in _what(op).items() if key != "fault"},
    )


def _what(op: Op) -> Mapping[str, Any]:
    return {key: value for key, value in op.value.items() if key not in BESIDES}


def _count(found: list[Struck], index: int, op: Op) -> None:
    hits = max(found[index].hits, int(op.value.get("hits", 0)))
    found[index] = replace(found[index], hits=hits)


def _calm_s(acts: list[Op]) -> float:
    if not acts:
        return 0.0
    return acts[-1].time_s if acts[-1].type == "info" else math.inf
