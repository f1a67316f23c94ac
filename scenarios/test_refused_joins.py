"""Joins are answered with an error for a while."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_refused_join_is_repeated(run: Runner) -> None:
    """The error of one minute is not that of the next."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("err", after_s=2, for_s=10)], worlds=("sim",)
        )
    )
