"""Two hundred clients lose the same server for ten seconds."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Broadcast


def test_clients_do_not_come_back_all_at_once(run: Runner) -> None:
    """Without jitter, the healed server meets every client in the same tenth of a second."""
    run(
        Scenario(
            faults=[Fault("restart", after_s=5, for_s=10)],
            workload=Broadcast(clients=200, period_s=1.0, sends_every_s=None),
            # On one real loop, 200 clients would measure that loop.
            worlds=("sim",),
        )
    )
