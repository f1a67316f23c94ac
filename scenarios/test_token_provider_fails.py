"""Tokens live shortly, and whoever is asked for the next one has none to give for a while."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_channel_returns_when_there_is_a_token_again(run: Runner) -> None:
    """The server throws out who holds an expired token; that must not be the end of the channel."""
    run(
        Scenario(
            faults=[Fault("token_provider_fails", after_s=1, for_s=15, lifetime_s=4)],
            recovery_within_s=10,
        )
    )
