"""Connections of clients that listen to changes are reset, and then refused for a while."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Changes


def test_a_rejoined_channel_hears_of_changes_again(run: Runner) -> None:
    """A join that forgets what was listened to looks well: broadcasts come, and no change."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=2), Fault("refuse", after_s=7, for_s=4)],
            workload=Changes(clients=2, topics=("room", "hall")),
            recovery_within_s=30,
        )
    )
