"""The server cannot take connections and says so in its own words."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_server_that_cannot_is_asked_again(run: Runner) -> None:
    """An answer is not a verdict: the next one may be better."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("connect_error", after_s=2, for_s=20)],
            worlds=("sim",),
        )
    )
