"""The tenant is suspended for a while: everybody is sent away and refused."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_suspension_is_waited_out(run: Runner) -> None:
    """Who hammers a door that is shut will be shut out."""
    run(Scenario(faults=[Fault("limits", after_s=3, for_s=20, suspend=True)], worlds=("sim",)))
