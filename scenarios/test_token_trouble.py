"""Tokens rotate, expire with no other at hand, and come late; then the connection is reset."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_whatever_becomes_of_tokens_the_newest_one_joins(run: Runner) -> None:
    """A client that forgets one of them joins with a dead token at its next reconnect."""
    run(
        Scenario(
            faults=[
                Fault("token_rotates", after_s=2, for_s=10, every_s=2),
                Fault("token_expires", after_s=15, for_s=15, lifetime_s=6),
                Fault("token_provider_slow", after_s=35, for_s=20, lifetime_s=6, delay_s=4),
                Fault("rst", after_s=58),
            ],
            worlds=("sim",),
        )
    )
