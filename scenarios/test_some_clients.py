"""Half of the clients sit behind a network that swallows what the server sends."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Broadcast


def test_half_of_the_clients_are_cut_off_and_come_back(run: Runner) -> None:
    """The others must not notice, and what was swallowed must not pass for silence."""
    run(
        Scenario(
            faults=[
                Fault("hole", after_s=3, for_s=30, direction="down", clients_share=0.5),
                Fault("fin", after_s=36, clients_share=0.5),
            ],
            workload=Broadcast(clients=4),
            worlds=("sim",),
        )
    )
