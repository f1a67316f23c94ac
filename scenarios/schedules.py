"""Schedules of faults for Hypothesis to draw: several, one after another, at any distance."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from harness.nemesis import Fault
from harness.scenario import Scenario
from harness.workloads import Broadcast

seconds = st.integers(1, 60).map(float)

Named = tuple[str, dict[str, Any]]

ONCE: st.SearchStrategy[Named] = st.sampled_from(
    [("rst", {}), ("dead_flow", {}), ("mute_live", {}), ("close", {"code": 1000}), ("drain", {})]
)
LASTING: st.SearchStrategy[Named] = st.sampled_from(
    [
        ("refuse", {}),
        ("hole", {}),
        ("restart", {}),
        ("slow", {"latency_s": 3.0}),
        ("late_joins", {"delay_s": 11.5}),
        ("http", {"status": 503}),
        ("accept_then_close", {"code": 1011}),
    ]
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """One to five faults; each begins after the one before it has ended."""
    faults: list[Fault] = []
    now_s = 0.0
    for _ in range(draw(st.integers(1, 5))):
        now_s += draw(seconds)
        faults.append(draw(_fault(now_s)))
        now_s = faults[-1].ends_s
    return Scenario(
        faults=faults,
        workload=Broadcast(period_s=1.0, sends_every_s=5.0),
        recovery_within_s=60,
        worlds=("sim",),
    )


@st.composite
def _fault(draw: st.DrawFn, after_s: float) -> Fault:
    if draw(st.booleans()):
        name, parameters = draw(ONCE)
        return Fault(name, after_s=after_s, **parameters)
    name, parameters = draw(LASTING)
    return Fault(name, after_s=after_s, for_s=draw(seconds), **parameters)
