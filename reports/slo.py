"""Service level objectives: what `slo.toml` may say, and which objective holds for a scenario."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).with_name("slo.toml")

VERDICT = "verdict"
_BOUNDS = ("min", "max")


class BadSlo(ValueError):
    """Objectives that cannot be followed: names the value, the rule and what is known."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise: a verdict, or a bound of one number, for the scenarios of one pattern."""

    pattern: str
    name: str
    """`verdict`, `verdict.CHECKER`, or the name of a number."""
    min: float | None = None
    max: float | None = None

    @property
    def is_verdict(self) -> bool:
        """Whether it demands a verdict and not a number."""
        return self.name.partition(".")[0] == VERDICT

    @property
    def checker(self) -> str | None:
        """The one checker whose verdict is demanded; None for all of them."""
        return self.name.partition(".")[2] or None

    @property
    def limit(self) -> str:
        """The demand in words."""
        if self.is_verdict:
            return "valid"
        words = {"at least": self.min, "at most": self.max}
        return ", ".join(f"{word} {bound:g}" for word, bound in words.items() if bound is not None)

    def allows(self, value: float) -> bool:
        """Whether a number keeps within the bounds; the bounds themselves do."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def matches(self, scenario: str) -> bool:
        """Whether the pattern means this scenario."""
        return fnmatchcase(scenario, self.pattern)

    @property
    def is_exact(self) -> bool:
        """Whether the pattern is the name of one scenario."""
        return not any(character in self.pattern for character in "*?[")


@dataclass(frozen=True, slots=True)
class Slo:
    """All objectives of one file, in its order."""

    objectives: tuple[Objective, ...]
    partial: bool = False
    """Whether objectives for what a run did not measure are left out, not missing evidence."""
    source: str = ""

    def effective(self, scenario: str) -> list[Objective]:
        """The objectives for one scenario: of each name, the last in the file."""
        matching = {one.name: one for one in self.objectives if one.matches(scenario)}
        return list(matching.values())


def read_slo(path: Path) -> Slo:
    """Read a file of objectives. Raises `BadSlo`."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSlo(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BadSlo(f"{path}: not TOML ({error})") from None
    try:
        return parse_slo(fields, source=str(path))
    except BadSlo as error:
        raise BadSlo(f"{path}: {error}") from None


def parse_slo(fields: Mapping[str, Any], *, source: str = "") -> Slo:
    """Check and convert what a file says. Raises `BadSlo`."""
    _known("setting", fields, ("objective", "partial"))
    partial = fields.get("partial", False)
    if not isinstance(partial, bool):
        raise BadSlo(f"partial = {partial!r} is neither true nor false")
    tables = _table(fields.get("objective", {}), "objective")
    objectives = tuple(
        one
        for pattern, table in tables.items()
        for one in _objectives(pattern, _table(table, f'objective."{pattern}"'))
    )
    if not objectives:
        raise BadSlo('no objective is set: say [objective."*"] and verdict = "valid"')
    return Slo(objectives, partial, source)


def check_names(
    slo: Slo, *, numbers: Collection[str], checkers: Collection[str], scenarios: Collection[str]
) -> None:
    """Refuse names that nothing answers to. Raises `BadSlo`, which lists the known ones."""
    try:
        for one in slo.objectives:
            if not one.is_verdict:
                _known("SLI", [one.name], [VERDICT, *numbers])
            elif one.checker:
                _known("checker", [one.checker], checkers)
            if one.is_exact and not slo.partial:
                _known("scenario", [one.pattern], scenarios)
    except BadSlo as error:
        raise BadSlo(f"{slo.source}: {error}") from None


def _objectives(pattern: str, table: Mapping[str, Any]) -> Iterator[Objective]:
    for name, demand in table.items():
        if name == VERDICT:
            yield from _verdicts(pattern, demand)
        else:
            yield _bounds(pattern, name, demand)


def _verdicts(pattern: str, demand: Any) -> Iterator[Objective]:
    by_checker = demand if isinstance(demand, dict) and demand else {"": demand}
    for checker, wanted in by_checker.items():
        if wanted != "valid":
            raise BadSlo(
                f'objective."{pattern}": verdict {wanted!r} cannot be demanded: say "valid"'
            )
        yield Objective(pattern, f"{VERDICT}.{checker}" if checker else VERDICT)


def _bounds(pattern: str, name: str, demand: Any) -> Objective:
    where = f'objective."{pattern}".{name}'
    bounds = _table(demand, where)
    _known(f"bound of {where}", bounds, _BOUNDS)
    if not bounds:
        raise BadSlo(f"{where} sets no bound: say {{ max = 45 }}")
    for bound, value in bounds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise BadSlo(f"{where}: {bound} = {value!r} is not a number: say {bound} = 45")
    one = Objective(pattern, name, bounds.get("min"), bounds.get("max"))
    if one.min is not None and one.max is not None and one.min > one.max:
        raise BadSlo(f"{where}: min = {one.min!r} is above max = {one.max!r}, so nothing can hold")
    return one


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSlo(f"{where} is {value!r}, which is no table: say {where} = {{ max = 45 }}")
    return value


def _known(what: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise BadSlo(f"unknown {what} {name!r}; known: {', '.join(sorted(known)) or 'none'}")
