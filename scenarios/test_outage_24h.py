"""The server refuses connections for a whole day."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Broadcast

DAY_S = 24 * 3600.0


def test_a_client_never_gives_up(run: Runner) -> None:
    """FOREVER of `failures.md` §0.4: no client should need a restart after a long night."""
    run(
        Scenario(
            faults=[Fault("refuse", after_s=60, for_s=DAY_S)],
            workload=Broadcast(sends_every_s=None, fault_period_s=60),
            worlds=("sim",),
        )
    )
