"""The application's own callback raises on every message, and the connection is reset meanwhile."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_callback_that_raises_breaks_nothing_else(run: Runner) -> None:
    """A bug in a handler ends neither the task that reads the socket nor its return."""
    run(
        Scenario(
            faults=[Fault("callback_raises", after_s=2, for_s=6), Fault("rst", after_s=5)],
            recovery_within_s=30,
        )
    )
