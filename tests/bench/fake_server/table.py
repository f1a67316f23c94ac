"""The rows of the fake server's table.

Rates are told by the CPU time of the server alone too: what else the machine does makes those by
the clock smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.bench.fake_server.measures import connects, fan_out, latency_ms
from tests.bench.row import Row

_DURATION_S = 4.0
_HELD = 5000


def rows() -> Iterator[Row]:
    """Measure everything, row by row."""
    measures: list[Callable[[], list[Row]]] = [
        lambda: _fan_out(100),
        lambda: _fan_out(1000),
        _latency,
        _connects,
    ]
    for measure in measures:
        yield from measure()


def _fan_out(subscribers: int) -> list[Row]:
    bare, ours = (fan_out(which, subscribers, _DURATION_S) for which in ("bare", "fake"))
    what = f"fan-out to {subscribers:,}, deliveries"
    ratio = ours.per_cpu_s / bare.per_cpu_s
    return [
        Row(
            f"{what} a CPU second",
            ours.per_cpu_s,
            bare.per_cpu_s,
            ">= 0.6 and >= 60,000",
            ratio >= 0.6 and ours.per_cpu_s >= 60_000,
        ),
        Row(f"{what} a second", ours.per_s, bare.per_s, "(the machine's)", True),
    ]


def _latency() -> list[Row]:
    bare, ours = (latency_ms(which, 100, 100.0, _DURATION_S) for which in ("bare", "fake"))
    rows = []
    for share, target_ms in ((0.5, None), (0.95, None), (0.99, 10.0)):
        target = "" if target_ms is None else f"< {target_ms:.0f}"
        holds = target_ms is None or ours[share] < target_ms
        what = f"p{share * 100:.0f} ms at 10,000 deliveries/s"
        rows.append(Row(what, ours[share], bare[share], target, holds))
    return rows


def _connects() -> list[Row]:
    (bare, bare_kb), (ours, ours_kb) = (connects(which, _HELD) for which in ("bare", "fake"))
    return [
        Row(
            "connects with join a CPU second",
            ours.per_cpu_s,
            bare.per_cpu_s,
            ">= 2,000",
            ours.per_cpu_s >= 2000,
        ),
        Row("connects with join a second", ours.per_s, bare.per_s, "(the machine's)", True),
        Row(f"kB each of {_HELD:,} joined connections", ours_kb, bare_kb, "<= 15", ours_kb <= 15),
    ]
