"""A bad mobile link: a third of all packets is lost, both ways, and TCP has to mend it."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_lossy_link_is_survived(run: Runner) -> None:
    """Messages come late and in bursts; a client that gives up on each stall makes it worse."""
    lossy = Fault("packet_loss", after_s=3, for_s=20, share=0.3)
    run(Scenario(faults=[lossy], recovery_within_s=25))
