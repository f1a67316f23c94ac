"""The server loses its database, and clients have to join again meanwhile."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_joins_succeed_when_the_database_is_back(run: Runner) -> None:
    """Broadcasts need no database, and joins do."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("database_down", after_s=2, for_s=15)],
            worlds=("sim",),
        )
    )
