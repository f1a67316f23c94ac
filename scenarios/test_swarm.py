"""A storm of a swarm: for minutes some faults strike, others never; then the network heals."""

from harness.nemesis.schedules import swarm
from harness.runner import Runner
from harness.scenario import storm_then_heal
from harness.workloads import Broadcast
from scenarios.schedules import MENU

STORM_S = 300.0


def test_a_client_is_well_again_soon_after_a_storm(run: Runner) -> None:
    """Each seed leaves out another half of the faults, and lets two of the rest go on at once."""
    run(
        storm_then_heal(
            swarm(run.rng("faults"), MENU, storm_s=STORM_S, side_by_side=2),
            storm_s=STORM_S,
            liveness_within_s=60,
            workload=Broadcast(clients=3, period_s=1.0, sends_every_s=5.0),
            worlds=("sim",),
        )
    )
