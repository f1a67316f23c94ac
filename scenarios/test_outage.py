"""The server refuses connections for 20 s, as it does while a deploy goes wrong."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_client_comes_back_after_an_outage(run: Runner) -> None:
    """Twenty seconds are more than a client that tries five times has patience for."""
    run(Scenario(faults=[Fault("refuse", after_s=3, for_s=20)], recovery_within_s=31))
