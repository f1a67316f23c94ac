"""A NAT forgets the connection: no FIN, no RST, only silence. New connections work."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_silent_connection_is_replaced(run: Runner) -> None:
    """Nothing will ever say that this connection is dead; only a missing reply can."""
    run(Scenario(faults=[Fault("dead_flow", after_s=3)]))
