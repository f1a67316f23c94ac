"""A laptop sleeps: the client stands still, and a NAT forgets its connection meanwhile."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_client_that_slept_hears_again(run: Runner) -> None:
    """Awake it must ask at once, not at the next heartbeat. Bounds are wide, for real machines; in
    real time only a program can be put to sleep: `--client manager_process`."""
    run(
        Scenario(
            faults=[Fault("suspend", after_s=2, for_s=10), Fault("dead_flow", after_s=5)],
            recovery_within_s=40,
            detect_within_s=5,
        )
    )
