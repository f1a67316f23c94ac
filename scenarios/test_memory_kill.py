"""The process behind the connection grew too large and is gone."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_connection_that_vanishes_is_replaced(run: Runner) -> None:
    """No close frame will say why."""
    run(Scenario(faults=[Fault("memory_kill", after_s=3)], worlds=("sim",)))
