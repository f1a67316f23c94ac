"""The access token is rotated, then the connection is lost."""

from harness.generator import call
from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_rejoin_carries_the_newest_token(run: Runner) -> None:
    """A client that rejoins with its first token is thrown out as soon as that one expires."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=5)],
            calls=[call(2, "set_token", token_id="second")],
            recovery_within_s=30,
        )
    )
