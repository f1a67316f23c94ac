"""A component is unmounted and mounted again within one tick: leave and subscribe at once."""

from harness.nemesis import Fault
from harness.nemesis.schedules import periodic
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_channel_that_is_left_and_wanted_again_is_joined(run: Runner) -> None:
    """The end of the old channel comes late, and must not be taken for the end of the new one."""
    run(
        Scenario(
            faults=periodic(Fault("call_race", after_s=2), every_s=2, times=4),
            recovery_within_s=30,
        )
    )
