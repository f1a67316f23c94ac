"""The end of an earlier join arrives when the channel is joined again."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_an_end_that_is_not_ours_is_ignored(run: Runner) -> None:
    """Who takes it for its own leaves the channel that it has just joined."""
    run(
        Scenario(
            faults=[Fault("stale_close", after_s=3), Fault("stale_error", after_s=6)],
            worlds=("sim",),
        )
    )
