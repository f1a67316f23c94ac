"""The worker behind the changes dies, and nobody is told: the connection stands."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Changes


def test_a_feed_that_died_in_silence_is_revived(run: Runner) -> None:
    """Only a new join revives it, and what was missed until then must be told.

    What is broadcast in the moment of that join may be lost; hence the grace.
    """
    run(
        Scenario(
            faults=[Fault("feed_down", after_s=3)],
            workload=Changes(),
            recovery_within_s=100,
            grace_s=100,
            worlds=("sim",),
        )
    )
