"""A client's process has slow callbacks, a blocked loop, a death and clocks that are wrong."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_process_in_trouble_works_again(run: Runner) -> None:
    """Late, early or lost timers must leave no channel behind. In real time, for a program only."""
    run(
        Scenario(
            faults=[
                Fault("callback_slow", after_s=2, for_s=3),
                Fault("block", after_s=7, for_s=3),
                Fault("kill", after_s=12, for_s=3),
                Fault("clock_drift", after_s=17, for_s=2, factor=30),
                Fault("clock_jump", after_s=20, by_s=60),
                Fault("wall_clock_jump", after_s=21, by_s=3600),
                Fault("wall_clock_jump", after_s=23, by_s=-7200),
            ],
            recovery_within_s=30,
        )
    )
