"""The application cancels a call under way, and a callback calls the client that is calling it."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_an_application_that_changes_its_mind_gets_what_it_wants_last(run: Runner) -> None:
    """A cancelled call must end neither the connection nor the channel of another."""
    run(
        Scenario(
            faults=[
                Fault("cancelled_call", after_s=2),
                Fault("cancelled_call", after_s=4, call="broadcast"),
                Fault("cancelled_call", after_s=6, call="leave"),
                Fault("callback_reenters", after_s=8, for_s=4),
            ],
            recovery_within_s=30,
        )
    )
