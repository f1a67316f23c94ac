"""The menu that the stories of chance draw their faults from, and schedules for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.nemesis import Fault
from harness.nemesis.schedules import choice, drawn

LASTS_S = (1.0, 60.0)

MENU = (
    choice("rst"),
    choice("dead_flow"),
    choice("mute_live"),
    choice("close", code=1000),
    choice("drain"),
    choice("refuse", for_s=LASTS_S),
    choice("hole", for_s=LASTS_S),
    choice("restart", for_s=LASTS_S),
    choice("slow", for_s=LASTS_S, latency_s=3.0),
    choice("late_joins", for_s=LASTS_S, delay_s=11.5),
    choice("http", for_s=LASTS_S, status=503),
    choice("accept_then_close", for_s=LASTS_S, code=1011),
    choice("call_race", first="close", second="open", jitter_s=0.5),
    choice("cancelled_call", call="close", cancel_after_s=0.01),
    choice("callback_reenters", for_s=LASTS_S, first="subscribe", second="leave", topic="aside"),
    choice("suspend", for_s=LASTS_S),
    choice("kill", for_s=LASTS_S),
    choice("block", for_s=LASTS_S),
    choice("callback_slow", for_s=LASTS_S),
    choice("clock_jump", by_s=3600.0),
    choice("clock_drift", for_s=LASTS_S, factor=3.0),
)


def schedules() -> st.SearchStrategy[list[Fault]]:
    """Some faults of the whole menu, one after another at any distance."""
    return st.builds(
        lambda rng, storm_s: drawn(rng, MENU, storm_s=storm_s, gap_s=LASTS_S),
        st.randoms(use_true_random=False),
        st.integers(61, 200).map(float),
    )
