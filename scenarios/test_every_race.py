"""Every call of a client meets every other, while it is under way and at a moment drawn by lot."""

from itertools import product

from harness.nemesis import Fault
from harness.nemesis.pairs import CALLS, TOPICS
from harness.runner import Runner
from harness.scenario import Scenario

EVERY_S = 3.0
JITTER_S = 0.1
TURNS_MAX = 8


def test_whatever_calls_meet_the_application_gets_what_it_wants(run: Runner) -> None:
    """Close and open, leave and join: each alone is easy, and clients are made of such pairs."""
    rng = run.rng("turns")
    meetings = enumerate(product(CALLS, CALLS, TOPICS), start=1)
    run(
        Scenario(
            faults=[
                Fault(
                    "call_race",
                    after_s=EVERY_S * number,
                    first=first,
                    second=second,
                    topic=topic,
                    turns=rng.randint(0, TURNS_MAX),
                    jitter_s=JITTER_S,
                )
                for number, (first, second, topic) in meetings
            ],
            recovery_within_s=30,
            settle_s=30,
            worlds=("sim",),
        )
    )
