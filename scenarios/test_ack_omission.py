"""Broadcasts are delivered and never acknowledged."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_what_was_not_acknowledged_is_not_called_sent(run: Runner) -> None:
    """Nobody knows what became of it, and the client must say so."""
    run(Scenario(faults=[Fault("ack_omission", after_s=3, for_s=10)], worlds=("sim",)))
