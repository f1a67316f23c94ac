"""The tenant is reloaded, and later deleted and made again."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_tenant_that_returns_finds_its_clients(run: Runner) -> None:
    """A migration looks like this to a client."""
    run(
        Scenario(
            faults=[
                Fault("tenant_reload", after_s=3),
                Fault("tenant_deleted", after_s=40, for_s=20),
            ],
            recovery_within_s=60,
            worlds=("sim",),
        )
    )
