"""A firewall swallows the first packet of each connect."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_connect_that_hangs_is_given_up(run: Runner) -> None:
    """The kernel would wait for two minutes."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("connect_stall", after_s=2, for_s=70)],
        )
    )
