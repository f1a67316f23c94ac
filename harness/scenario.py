"""A scenario: traffic, what goes wrong, and how soon all must be well again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.checkers import Checker
from harness.checkers.words import listed
from harness.generator import Call, calm_s
from harness.history import FaultsFelt, Header
from harness.nemesis import STORY_S_MAX, Fault, check_schedule
from harness.nemesis.schedules import healed_by
from harness.numeric import is_number
from harness.workloads import Broadcast

CONNECT_WITHIN_S = 15.0
"""How long the first connects and joins of a run may take."""


WORLDS = ("sim", "wire", "packets")
USUAL_WORLDS = ("sim", "wire")
"""Where a story is told unless it is said where: what every machine has."""
REAL_TIME = ("wire", "packets")


class BadScenario(ValueError):
    """A story that could not be told: names the value, the rule and the mend."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One failure story, the same in every world.

    Every checker of `harness.checkers.CHECKERS` judges it; `checkers` adds the story's own. All
    times are seconds; `after_s` of faults and calls counts from the steady state. Raises
    `BadFault` or `BadScenario` for what could not be told.
    """

    faults: Sequence[Fault] = ()
    calls: Sequence[Call] = ()
    workload: Broadcast = field(default_factory=Broadcast)
    recovery_within_s: float = 45.0
    """CONV of `failures.md` §0.4: detection 15, back-off cap 20, join 10."""
    detect_within_s: float = 37.5
    """TRUTH of `failures.md` §0.4: 1.5 heartbeats of 25 s."""
    grace_s: float = 0.0
    settle_s: float = 6.0
    """How long the traffic goes on after recovery, to see whether it lasts."""
    faults_felt: FaultsFelt = "each"
    """A story that somebody wrote shows nothing unless each of its faults was felt; of a drawn
    one, in which a fault may strike what another has already broken, *any* will do."""
    worlds: tuple[str, ...] = WORLDS
    """Where it can be told; elsewhere it is *not applicable*."""
    checkers: Mapping[str, Checker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.workload.names()
        check_schedule(self.faults, names)
        for call in self.calls:
            if call.process not in names:
                raise BadScenario(f"call by {call.process!r}; the clients are: {listed(names)}")
        for world in self.worlds:
            if world not in WORLDS:
                raise BadScenario(f"unknown world {world!r}; known: {', '.join(WORLDS)}")
        for name in ("recovery_within_s", "detect_within_s", "settle_s"):
            if not (is_number(getattr(self, name)) and getattr(self, name) > 0):
                raise BadScenario(f"{name}={getattr(self, name)!r} is no duration; say more than 0")
        if self.duration_s > STORY_S_MAX:
            raise BadScenario(
                f"the story may take {self.duration_s:,.0f} s after its steady state; "
                f"let it end within {STORY_S_MAX:,.0f}"
            )
        for name, check in self.checkers.items():
            if not callable(check):
                raise BadScenario(f"checker {name!r} is {check!r}; give a function of the history")

    @property
    def calm_s(self) -> float:
        """When, after the steady state, nothing more is done to the clients."""
        return calm_s(self.faults, self.calls)

    @property
    def duration_s(self) -> float:
        """The longest that the story may take after its steady state is reached."""
        return self.calm_s + self.recovery_within_s + self.settle_s

    def header(self, name: str, client: str, world: str, seed: int) -> Header:
        """What a history of this story begins with."""
        return Header(
            scenario=name,
            client=client,
            world=world,
            seed=seed,
            clients=self.workload.clients,
            recovery_within_s=self.recovery_within_s,
            detect_within_s=self.detect_within_s,
            grace_s=self.grace_s,
            faults_felt=self.faults_felt,
        )


def storm_then_heal(
    faults: Sequence[Fault], *, storm_s: float, liveness_within_s: float, **more: Any
) -> Scenario:
    """Two phases: until `storm_s` the faults strike, then all is healed and a deadline runs.

    Within `liveness_within_s` of the end of the storm every wanted channel must hear again what is
    published. `more` is what `Scenario` takes. Raises `BadFault` or `BadScenario`.
    """
    more = {"faults_felt": "any", **more}
    return Scenario(faults=healed_by(faults, storm_s), recovery_within_s=liveness_within_s, **more)
