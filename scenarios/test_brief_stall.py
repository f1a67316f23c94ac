"""A firewall swallows the first packets for a few seconds, no longer than a client waits."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_connect_that_hung_goes_through_or_is_made_again(run: Runner) -> None:
    """TCP may send the SYN again long after the heal: who waits for it waits for nothing."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("connect_stall", after_s=2, for_s=12)],
            recovery_within_s=12,
        )
    )
