"""The server is told to end, takes its time, and comes back."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_farewell_is_followed_by_a_return(run: Runner) -> None:
    """Deploys do this every day."""
    run(Scenario(faults=[Fault("sigterm", after_s=3, for_s=15)], worlds=("sim",)))
