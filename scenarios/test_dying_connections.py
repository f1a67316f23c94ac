"""Connections that end after some bytes, after some silence, or at their first data."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_each_end_is_survived(run: Runner) -> None:
    """A proxy in between has limits of its own."""
    run(
        Scenario(
            faults=[
                Fault("limit_data", after_s=3, for_s=10),
                Fault("timeout", after_s=20, for_s=10, timeout=400),
                Fault("reset_peer", after_s=40, for_s=10),
            ],
            worlds=("sim",),
        )
    )
