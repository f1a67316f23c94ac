"""Subscriptions to changes come late, are refused, repeated, not confirmed; changes are lost."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Changes


def test_a_feed_is_live_when_its_client_says_so(run: Runner) -> None:
    """Joined is not live, and a client that takes one for the other loses changes in silence.

    Each of four reconnects meets another trouble of the subscription. The lost changes at the end
    nobody can know of, but the next ones must come.
    """
    run(
        Scenario(
            faults=[
                Fault("subscribed_late", after_s=2, for_s=5, delay_s=6),
                Fault("rst", after_s=3),
                Fault("subscription_error", after_s=22, for_s=8),
                Fault("rst", after_s=23),
                Fault("subscribed_repeated", after_s=52, for_s=8, times=2, gap_s=1),
                Fault("rst", after_s=53),
                Fault("subscribed_missing", after_s=72, for_s=20),
                Fault("rst", after_s=73),
                Fault("feed_loss", after_s=100, for_s=10),
            ],
            workload=Changes(),
            worlds=("sim",),
        )
    )
