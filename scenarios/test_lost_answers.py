"""The answers to joins are lost, on a connection that stands."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_join_without_an_answer_is_repeated(run: Runner) -> None:
    """Nothing will ever end the wait but a time-out."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("drop", after_s=2, for_s=8, answers="phx_join")],
            worlds=("sim",),
        )
    )
