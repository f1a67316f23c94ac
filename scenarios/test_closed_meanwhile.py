"""The application closes its client while that waits to reconnect, and opens it much later."""

from harness.generator import call
from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_client_that_was_closed_stays_away_until_it_is_opened(run: Runner) -> None:
    """The timer of the next attempt must not outlive the close; the subscriptions may."""
    run(
        Scenario(
            faults=[Fault("refuse", after_s=2, for_s=8)],
            calls=[call(5, "close"), call(16, "open"), call(16.1, "subscribe", topic="room")],
            recovery_within_s=20,
        )
    )
