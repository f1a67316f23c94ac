"""The process behind the connection hangs: nothing is read or written, not even pings."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_frozen_connection_is_replaced(run: Runner) -> None:
    """The socket stays open for as long as the process hangs."""
    run(Scenario(faults=[Fault("freeze_live", after_s=3)], worlds=("sim",)))
