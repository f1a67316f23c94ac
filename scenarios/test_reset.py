"""Every connection is reset once, as a proxy does when it is reloaded."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_reset_connection_is_made_again(run: Runner) -> None:
    """The everyday fault: it should cost a second, not an event after it."""
    run(Scenario(faults=[Fault("rst", after_s=3)], recovery_within_s=30))
