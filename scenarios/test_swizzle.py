"""A swizzle: the clients' links are cut one by one in one order, and healed in another."""

from harness.nemesis.schedules import swizzle
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Broadcast

TRAFFIC = Broadcast(clients=4, period_s=1.0, sends_every_s=5.0)


def test_no_client_waits_for_another_to_come_back(run: Runner) -> None:
    """Each is cut off for another length of time; what they believe of each other is stale."""
    faults = swizzle(run.rng("links"), TRAFFIC.names(), after_s=5, step_s=7, hold_s=40)
    run(Scenario(faults=faults, workload=TRAFFIC, recovery_within_s=60, worlds=("sim",)))
