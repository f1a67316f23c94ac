"""A rolling deploy closes the connections with 1012, one batch after another."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Broadcast


def test_clients_move_over_during_a_rolling_drain(run: Runner) -> None:
    """1012 says that others serve already: come back, but not all at once."""
    run(
        Scenario(
            faults=[Fault("drain", after_s=3, batch=2, gap_s=1.0)],
            workload=Broadcast(clients=6),
        )
    )
