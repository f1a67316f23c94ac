"""The rows of the proxy's table: paired ratios over several rounds, and the targets.

Rates are told by the CPU time of the proxy alone too: on a machine with other work those by the
clock say more of that work, which a proxy of several threads feels less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from tests.bench.proxy import measures
from tests.bench.proxy.servers import DIRECT, OURS, REAL, real_binary
from tests.bench.row import Row

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Sample:
    """One round: the same measure of all three, one right after the other."""

    direct: float
    ours: float
    real: float


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, how ours stands to the real one, and the target."""

    what: str
    take: Callable[[str], float]
    target: str
    ratio: Callable[[Sample], float]
    holds: Callable[[float], bool]
    stored_real_of_direct: float | None
    """What the real one gives for each that goes without a proxy (`toxiproxy.md` §5), for a
    machine that has no real one. `None`: the stored figure stands alone."""
    stored_real: float = 0.0


def _ours_of_real(sample: Sample) -> float:
    return sample.ours / sample.real


def _added(sample: Sample) -> float:
    """What ours adds to a round trip, for each that the real one adds."""
    return (sample.ours - sample.direct) / max(sample.real - sample.direct, 0.1)


def _at_least(ratio: float) -> Callable[[float], bool]:
    return lambda measured: measured >= ratio


def _at_most(ratio: float) -> Callable[[float], bool]:
    return lambda measured: measured <= ratio


MEASURES = (
    Measure(
        "bulk MB/s",
        measures.bulk_mb_per_s,
        ">= 2 x real",
        _ours_of_real,
        _at_least(2.0),
        1 / 3.83,
    ),
    Measure(
        "bulk MB/s through three toxics",
        measures.staged_mb_per_s,
        ">= 1.7 x real",
        _ours_of_real,
        _at_least(1.7),
        1 / 3.5,
    ),
    Measure(
        "round trip of 200 B on one core, us",
        measures.pinned_rtt_us,
        "adds <= 1.0 x real",
        _added,
        _at_most(1.0),
        46 / 17,
    ),
    Measure(
        "echoes/s over 50 connections",
        measures.echoes_per_s,
        ">= 1.1 x real",
        _ours_of_real,
        _at_least(1.1),
        1 / 2.85,
    ),
)
ALONE = (
    Measure(
        "bulk MB a CPU second",
        measures.bulk_mb_per_cpu_s,
        ">= 2 x real",
        _ours_of_real,
        _at_least(2.0),
        None,
        1000 / 1.68,
    ),
    Measure(
        "bulk MB a CPU second through three toxics",
        measures.staged_mb_per_cpu_s,
        ">= 1.7 x real",
        _ours_of_real,
        _at_least(1.7),
        None,
        1000 / 1.40,
    ),
    Measure(
        "echoes a CPU second over 50 connections",
        measures.echoes_per_cpu_s,
        ">= 1.1 x real",
        _ours_of_real,
        _at_least(1.1),
        None,
    ),
    Measure(
        "kB an idle connection",
        measures.idle_kb,
        "<= 7",
        lambda sample: sample.ours,
        _at_most(7.0),
        None,
        51.1,
    ),
    Measure(
        "ms to add a toxic to 200 live connections",
        measures.add_toxic_ms,
        "<= 3",
        lambda sample: sample.ours,
        _at_most(3.0),
        None,
        3.23,
    ),
)


def rows(rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure everything, row by row."""
    has_real = real_binary() is not None
    for measure in (*MEASURES, *ALONE):
        if not (has_real or measure.stored_real or measure.stored_real_of_direct):
            continue
        samples = [_sample(measure, has_real) for _ in range(rounds)]
        ratio = median(map(measure.ratio, samples))
        yield Row(
            measure.what,
            median(sample.ours for sample in samples),
            median(sample.real for sample in samples),
            measure.target if has_real else f"{measure.target} (stored)",
            measure.holds(ratio),
            ratio=median(map(_added if measure.ratio is _added else _ours_of_real, samples)),
        )


def _sample(measure: Measure, has_real: bool) -> Sample:
    direct = measure.take(DIRECT) if measure.stored_real_of_direct else 0.0
    ours = measure.take(OURS)
    if has_real:
        real = measure.take(REAL)
    else:
        real = direct * (measure.stored_real_of_direct or 0.0) or measure.stored_real
    return Sample(direct, ours, real)
