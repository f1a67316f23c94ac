"""Random schedules from a menu and a seed: all of the menu, or a swarm's share of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.nemesis.fault import BadFault, Fault
from harness.numeric import is_number

FAULTS_MAX = 10_000
"""The longest schedule that is drawn."""

STEP_S = 0.1
"""Moments and durations are drawn in tenths of a second, so that a schedule reads well."""


@dataclass(frozen=True, slots=True)
class Between:
    """A number anywhere from `low` to `high`; a whole one if both are."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (is_number(self.low) and is_number(self.high) and self.low <= self.high):
            raise BadFault(f"between {self.low!r} and {self.high!r} there is no number to draw")

    def draw(self, rng: Random) -> float:
        """One number."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return rng.randint(self.low, self.high)
        return round(rng.uniform(self.low, self.high), 3)


@dataclass(frozen=True, slots=True, init=False)
class OneOf:
    """One of several values."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        if not values:
            raise BadFault("one of no values cannot be drawn: name some")
        object.__setattr__(self, "values", values)

    def draw(self, rng: Random) -> Any:
        """One value."""
        return rng.choice(self.values)


@dataclass(frozen=True, slots=True)
class Choice:
    """A fault that may be drawn. Parameters may be `Between`, `OneOf`, or plain values."""

    name: str
    for_s: Between | None
    """How long it lasts; None for one that happens once."""
    parameters: Mapping[str, Any]

    def draw(self, rng: Random, after_s: float) -> Fault:
        """One fault that begins at `after_s`."""
        for_s = None if self.for_s is None else max(STEP_S, round(self.for_s.draw(rng), 1))
        parameters = {name: _value(rng, value) for name, value in self.parameters.items()}
        return Fault(self.name, after_s=after_s, for_s=for_s, **parameters)


def choice(name: str, *, for_s: tuple[float, float] | None = None, **parameters: Any) -> Choice:
    """Write a `Choice` as it reads aloud: `choice("refuse", for_s=(5, 30))`."""
    return Choice(name, None if for_s is None else Between(*for_s), parameters)


def drawn(
    rng: Random,
    menu: Sequence[Choice],
    *,
    storm_s: float,
    gap_s: tuple[float, float] = (1.0, 20.0),
    side_by_side: int = 1,
    weights: Sequence[float] | None = None,
) -> list[Fault]:
    """Faults of the menu at random moments until `storm_s`, in order of time.

    Up to `side_by_side` go on at once, never two of one name; between two that follow each other
    lies a gap of `gap_s` seconds. The same generator state draws the same schedule. Raises
    `BadFault`.
    """
    _check_menu(menu)
    if not gap_s[0] >= STEP_S:
        raise BadFault(f"gap_s={gap_s}: its least is {STEP_S} s")
    if not (is_number(storm_s) and storm_s > 0):
        raise BadFault(f"storm_s={storm_s!r} is no duration; say more than 0")
    faults: list[Fault] = []
    for _ in range(side_by_side):
        for fault in _lane(rng, menu, storm_s, Between(*map(float, gap_s)), weights):
            if not _meets_its_twin(fault, faults):
                faults.append(fault)
    return sorted(faults, key=lambda fault: fault.after_s)


def swarm(rng: Random, menu: Sequence[Choice], **how: Any) -> list[Fault]:
    """As `drawn`, but of a part of the menu only: some faults are disabled altogether.

    A fault that strikes often hides what shows only in its absence, so each run leaves out about
    half of the menu and weighs the rest anew (Groce et al., Swarm Testing, ISSTA 2012). `how` is
    what `drawn` takes. Raises `BadFault`.
    """
    _check_menu(menu)
    enabled = [one for one in menu if rng.random() < 0.5] or [rng.choice(list(menu))]
    weights = [rng.uniform(0.1, 1.0) for _ in enabled]
    return drawn(rng, enabled, weights=weights, **how)


def _check_menu(menu: Sequence[Choice]) -> None:
    if not menu:
        raise BadFault("nothing can be drawn from an empty menu: name a choice or more")
    for one in menu:
        if not isinstance(one, Choice):
            raise BadFault(f"the menu offers {one!r}; write it as choice('rst')")


def _lane(
    rng: Random,
    menu: Sequence[Choice],
    storm_s: float,
    gap: Between,
    weights: Sequence[float] | None,
) -> list[Fault]:
    """Faults one after another."""
    faults: list[Fault] = []
    now_s = 0.0
    while (now_s := round(now_s + gap.draw(rng), 1)) < storm_s:
        if len(faults) == FAULTS_MAX:
            raise BadFault(f"storm_s={storm_s:g} holds more than {FAULTS_MAX} faults; shorten it")
        fault = rng.choices(menu, weights)[0].draw(rng, now_s)
        faults.append(fault)
        now_s = fault.ends_s
    return faults


def _meets_its_twin(fault: Fault, others: Sequence[Fault]) -> bool:
    return any(
        fault.name == other.name and fault.after_s <= other.ends_s and other.after_s <= fault.ends_s
        for other in others
    )


def _value(rng: Random, value: Any) -> Any:
    return value.draw(rng) if isinstance(value, Between | OneOf) else value
