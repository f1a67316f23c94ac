"""Whatever goes wrong, by chance, with connections, joins and subscriptions to changes."""

from harness.nemesis import Fault
from harness.nemesis.schedules import choice, drawn
from harness.runner import Runner
from harness.scenario import storm_then_heal
from harness.workloads import Changes
from scenarios.schedules import LASTS_S, MENU

STORM_S = 200.0
OF_THE_FEED = (
    choice("feed_down"),
    choice("feed_loss", for_s=LASTS_S),
    choice("subscribed_missing", for_s=LASTS_S),
    choice("subscribed_repeated", for_s=LASTS_S),
    choice("subscribed_late", for_s=LASTS_S),
    choice("subscription_error", for_s=LASTS_S),
    choice("database_down", for_s=LASTS_S),
    choice("tenant_reload"),
)


def test_each_change_comes_or_is_told_as_missing(run: Runner) -> None:
    """One trouble hides another: a feed that died while its channel was being joined again.

    A feed may be dead for 90 s until its client doubts it, and a channel that is joined again for
    its sake misses what is broadcast in that moment; hence the grace.
    """
    faults = drawn(run.rng("faults"), (*MENU, *OF_THE_FEED), storm_s=STORM_S, gap_s=(1.0, 30.0))
    run(
        storm_then_heal(
            [Fault("fin", after_s=5), *faults],
            storm_s=STORM_S,
            liveness_within_s=160,
            workload=Changes(clients=2, sends_every_s=None),
            grace_s=160,
            worlds=("sim",),
        )
    )
