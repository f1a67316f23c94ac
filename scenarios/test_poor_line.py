"""A poor line: late, narrow, and in small pieces, one after another."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_what_is_slow_is_not_lost(run: Runner) -> None:
    """A stream that does not break loses nothing."""
    run(
        Scenario(
            faults=[
                Fault("latency", after_s=3, for_s=10),
                Fault("bandwidth", after_s=18, for_s=10),
                Fault("slicer", after_s=33, for_s=10),
            ],
            worlds=("sim",),
        )
    )
