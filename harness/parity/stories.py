"""The same story in two worlds: the order of events, and how soon a client is well again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.clients.contract import Maker
from harness.history import History
from harness.nemesis import Fault
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.verdict import Judgement, Outcome
from harness.worlds.world import World

TOLD = ("joined", "lost", "closed", "start", "heal", "handshake", "join")

SEED = 1


def _story(*faults: Fault) -> Scenario:
    return Scenario(faults=faults, recovery_within_s=20, settle_s=2)


def _dials_during(name: str) -> Scenario:
    """The live connections end, so that there is a connect for the fault to meet."""
    return _story(Fault(name, after_s=2, for_s=5), Fault("rst", after_s=2.5))


STORIES: Mapping[str, Scenario] = {
    "refuse": _story(Fault("refuse", after_s=2, for_s=5)),
    "rst": _story(Fault("rst", after_s=2)),
    "fin": _story(Fault("fin", after_s=2)),
    "hole": _story(Fault("hole", after_s=2, for_s=5)),
    "dns_failure": _dials_during("dns_failure"),
    "connect_stall": _dials_during("connect_stall"),
    "slow": _story(Fault("slow", after_s=2, for_s=5, latency_s=0.5)),
}

STRIKES_LATER_S: Mapping[str, float] = {"rst": 1.0}
"""A toxic that needs data to strike, strikes later than the simulation does."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one world made of a story."""

    judgement: Judgement
    order: tuple[tuple[str, str], ...]
    """Who did or saw what, in the order of each process, without times and without the traffic."""

    @property
    def recovery_s(self) -> float | None:
        """How soon after the last act every channel heard something; None if it never did."""
        sli = self.judgement.slis.get("recovery_s")
        return sli.value if sli else None


def tell(world: World, name: str, maker: Maker) -> Told:
    """Run one of the stories."""
    with TemporaryDirectory(prefix="squall-parity-") as folder:
        store = Store(Path(folder))
        cell = Cell(name, "client", world.name, SEED)
        judgement = run_storm(Storm(cell, STORIES[name], maker), world, store)
        if not (Path(folder) / cell.path / "history.jsonl").exists():
            return Told(judgement, ())
        return Told(judgement, order_of_events(store.read_history(cell)))


def order_of_events(history: History) -> tuple[tuple[str, str], ...]:
    """What happened in which order, each process by itself: their words travel apart."""
    told = [(op.process, op.f) for op in history if op.f in TOLD and op.type == "info"]
    return tuple(sorted(told, key=lambda one: one[0]))


def differences(name: str, here: Told, there: Told, recovery_s: float) -> list[str]:
    """What is told otherwise `here` than `there`."""
    if here.judgement.outcome is Outcome.UNKNOWN:
        return [f"story {name}: unknown: {here.judgement.reason}"]
    found = []
    if here.order != there.order:
        found.append(f"story {name}: {_first_difference(here.order, there.order)}")
    allowed_s = recovery_s + (STRIKES_LATER_S.get(name, 0.0) if recovery_s else 0.0)
    if not _near(here.recovery_s, there.recovery_s, allowed_s):
        found.append(
            f"story {name}: recovered after {_words(here.recovery_s)}, "
            f"in the simulation after {_words(there.recovery_s)}"
        )
    return found


def _first_difference(here: tuple[tuple[str, str], ...], there: tuple[tuple[str, str], ...]) -> str:
    for number, (one, other) in enumerate(zip(here, there, strict=False), 1):
        if one != other:
            return f"event {number} is {' '.join(one)}, in the simulation {' '.join(other)}"
    return f"{len(here)} events, in the simulation {len(there)}"


def _near(one: float | None, other: float | None, tolerance_s: float) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tolerance_s


def _words(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
