"""The server is killed and comes back five seconds later without memory of its joins."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_channels_are_joined_again_after_a_restart(run: Runner) -> None:
    """A connection alone is worth nothing: the new server knows no channel."""
    run(Scenario(faults=[Fault("restart", after_s=3, for_s=5)]))
