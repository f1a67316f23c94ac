"""The rows of the proxy's table: paired ratios over several rounds, and the targets.

Rates are told by the CPU time of the proxy alone too: on a machine with other work those by the
clock say more of that work, which a proxy of several threads feels less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from tests.bench.proxy import measures, timing
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
    real_hangs: bool = False
    """Whether the real one is not asked, since it would never answer."""


def _ours_of_real(sample: Sample) -> float:
    return sample.ours / sample.real


def _ours(sample: Sample) -> float:
    """For a target that stands by itself."""
    return sample.ours


def _added(sample: Sample) -> float:
    """What ours adds to a round trip, for each that the real one adds."""
    return (sample.ours - sample.direct) / max(sample.real - sample.direct, 0.1)


def _at_least(ratio: float) -> Callable[[float], bool]:
    return lambda measured: measured >= ratio


def _at_most(ratio: float) -> Callable[[float], bool]:
    return lambda measured: measured <= ratio


def _within(least: float, most: float) -> Callable[[float], bool]:
    return lambda measured: least <= measured <= most


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
        _ours,
        _at_most(7.0),
        None,
        51.1,
    ),
    Measure(
        "ms to add a toxic to 200 live connections",
        measures.add_toxic_ms,
        "<= 3",
        _ours,
        _at_most(3.0),
        None,
        3.23,
    ),
)
TIMED = (
    Measure(
        "latency toxic of 100 ms: us late (p50)",
        timing.latency_late_us,
        "0 to 600",
        _ours,
        _within(0, 600),
        None,
        760,
    ),
    Measure(
        "latency toxic of 100 ms: us late (least)",
        timing.latency_earliest_us,
        ">= 0",
        _ours,
        _at_least(0),
        None,
        620,
    ),
    *(
        Measure(
            f"bandwidth toxic of {rate:,} KB/s: permille off",
            partial(timing.bandwidth_off_permille, rate_kb_per_s=rate),
            "-5 to 5",
            _ours,
            _within(-5, 5),
            None,
            stored,
        )
        for rate, stored in ((100, -5), (1000, -2), (10_000, -4))
    ),
    Measure(
        "ms of the API while a client reads nothing",
        timing.stuck_api_ms,
        "<= 10",
        _ours,
        _at_most(10),
        None,
        math.inf,
        real_hangs=True,
    ),
)
"""How exact it is; a ratio to the real one would say nothing."""


def rows(rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure everything, row by row."""
    has_real = real_binary() is not None
    for measure in (*MEASURES, *ALONE, *TIMED):
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
            ratio=_shown(measure, samples),
        )


def _shown(measure: Measure, samples: Sequence[Sample]) -> float:
    """The ratio that the table shows; none, where it would say nothing."""
    if measure in TIMED:
        return math.nan
    return median(map(_added if measure.ratio is _added else _ours_of_real, samples))


def _sample(measure: Measure, has_real: bool) -> Sample:
    direct = measure.take(DIRECT) if measure.stored_real_of_direct else 0.0
    ours = measure.take(OURS)
    if has_real and not measure.real_hangs:
        real = measure.take(REAL)
    else:
        real = direct * (measure.stored_real_of_direct or 0.0) or measure.stored_real
    return Sample(direct, ours, real)
