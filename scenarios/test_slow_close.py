"""The server says goodbye, and its end of the connection comes late."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_goodbye_is_enough_to_leave(run: Runner) -> None:
    """Who waits for the end of the old connection is deaf meanwhile."""
    run(
        Scenario(
            faults=[
                Fault("slow_close", after_s=2, for_s=20, delay=15000),
                Fault("close", after_s=3),
            ],
            worlds=("sim",),
        )
    )
