"""The application gives up each call of its client while it is under way."""

from harness.nemesis import Fault
from harness.nemesis.pairs import CALLS
from harness.runner import Runner
from harness.scenario import Scenario

EVERY_S = 4.0


def test_a_call_that_is_given_up_leaves_nothing_behind(run: Runner) -> None:
    """A half-made connection, a join that nobody waits for, a close that cannot be said again."""
    run(
        Scenario(
            faults=[
                Fault("cancelled_call", after_s=EVERY_S * number, call=call, cancel_after_s=0.01)
                for number, call in enumerate(CALLS, start=1)
            ],
            recovery_within_s=30,
            settle_s=3,
        )
    )
