"""The connection ends with a FIN and without a close frame, as behind many load balancers."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_an_end_without_a_close_frame_is_a_loss(run: Runner) -> None:
    """Code 1006 is in no list of codes to come back from."""
    run(Scenario(faults=[Fault("fin", after_s=3)]))
