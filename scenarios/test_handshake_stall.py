"""A proxy accepts the connection, and nobody behind it answers the upgrade."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_an_upgrade_that_is_not_answered_is_given_up(run: Runner) -> None:
    """The connect succeeded, so no time-out of TCP will help."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("handshake_stall", after_s=2, for_s=5)],
            worlds=("sim",),
        )
    )
