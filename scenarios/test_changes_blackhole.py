"""Nothing passes for a while, and changes are committed that no client will ever hear of."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Changes


def test_what_was_missed_is_told(run: Runner) -> None:
    """The gap begins before anybody noticed, and ends when the feed is live, not when it joined."""
    run(
        Scenario(
            faults=[Fault("hole", after_s=3, for_s=40)],
            workload=Changes(clients=2),
            worlds=("sim",),
        )
    )
