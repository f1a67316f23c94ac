"""The choices of a scenario run, checked before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.clients.registry import load_client
from harness.entropy import parse_seed
from harness.nemesis import BadFault, Fault, check_schedule
from harness.nemesis.schedules import loads
from harness.scenario import USUAL_WORLDS, WORLDS
from harness.toxiproxy.choice import BadChoice, Choice, Embedded, choose

DEFAULT_CLIENT = "manager"
EVERY = "all"
"""Every world; what this machine cannot do is not applicable there."""
SEEDS_MAX = 100_000


class BadOption(ValueError):
    """An option that cannot be followed: names it, the rule and the mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `pytest scenarios` was asked to do."""

    worlds: tuple[str, ...] = USUAL_WORLDS
    asked_for: tuple[str, ...] = ()
    """Those of them that were named: what this machine cannot do is unknown there."""
    clients: tuple[str, ...] = (DEFAULT_CLIENT,)
    """Under test: an invalid verdict fails the suite, and they gate."""
    compare: tuple[str, ...] = ()
    """Run beside them: judged and reported, never failing the suite."""
    seed: int = 1
    seeds: int = 1
    """How many seeds, from `seed` on, a storm is run with in sim; wire takes the first."""
    report: Path | None = None
    schedule: tuple[Fault, ...] | None = None
    """What strikes in the place of each story's own faults."""
    schedule_file: Path | None = None
    """Where that was read from."""
    shrink: bool = False
    long: bool = False
    toxiproxy: Choice = field(default_factory=Embedded)

    def cells(self) -> list[tuple[str, str, int]]:
        """Each (client, world, seed) that a scenario is run in: quick ones first."""
        return [
            (client, world, self.seed + number)
            for world in self.worlds
            for client in (*self.clients, *self.compare)
            for number in range(self.seeds if world == "sim" else 1)
        ]


def read_options(
    *,
    worlds: Sequence[str],
    clients: Sequence[str],
    compare: Sequence[str],
    seed: str,
    seeds: str,
    report: str | None,
    schedule: str | None,
    shrink: bool,
    long: bool,
    toxiproxy: str,
) -> Options:
    """Check and convert a command line. Raises `BadOption`, `UnknownClient`, `BadSeed`."""
    under_test = _names(clients) or (DEFAULT_CLIENT,)
    compared = tuple(name for name in _names(compare) if name not in under_test)
    for name in (*under_test, *compared):
        load_client(name)
    return Options(
        worlds=_worlds(_names(worlds)),
        asked_for=_names(worlds),
        clients=under_test,
        compare=compared,
        seed=parse_seed(seed),
        seeds=_count(seeds),
        report=Path(report) if report else None,
        schedule=_schedule(Path(schedule)) if schedule else None,
        schedule_file=Path(schedule) if schedule else None,
        shrink=shrink,
        long=long,
        toxiproxy=_toxiproxy(toxiproxy),
    )


def _names(said: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for one in said for name in one.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def _worlds(said: tuple[str, ...]) -> tuple[str, ...]:
    for name in said:
        if name not in (*WORLDS, EVERY):
            raise BadOption(f"unknown world {name!r}; known: {', '.join(WORLDS)}, {EVERY}")
    if EVERY in said:
        return WORLDS
    return tuple(name for name in WORLDS if name in said) or USUAL_WORLDS


def _count(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= SEEDS_MAX):
        raise BadOption(f"--seeds {said!r} is not a number of seeds: say 1 to {SEEDS_MAX}")
    return int(said)


def _toxiproxy(said: str) -> Choice:
    try:
        return choose(said)
    except BadChoice as error:
        raise BadOption(str(error)) from None


def _schedule(path: Path) -> tuple[Fault, ...]:
    try:
        faults = tuple(loads(path.read_text(encoding="utf-8"), str(path)))
        check_schedule(faults)
    except (OSError, UnicodeDecodeError) as error:
        raise BadOption(f"--schedule {str(path)!r} cannot be read: {error}") from None
    except BadFault as error:
        raise BadOption(f"--schedule: {error}") from None
    return faults
