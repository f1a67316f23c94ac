"""Joins are answered after more than a join time-out, and the application changes its mind."""

from harness.generator import call
from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_late_answer_to_a_join_confuses_nobody(run: Runner) -> None:
    """A reply, or a close, to a join that was given up must not touch the one that follows.

    `room` has to rejoin while answers come late, one topic is left in the middle of its join, and
    one is left and joined again at once.
    """
    run(
        Scenario(
            faults=[
                Fault("late_joins", after_s=2, for_s=12, delay_s=11.5),
                Fault("rst", after_s=3),
            ],
            calls=[
                call(4, "subscribe", topic="changed-my-mind"),
                call(5, "leave", topic="changed-my-mind"),
            ],
            recovery_within_s=40,
        )
    )
