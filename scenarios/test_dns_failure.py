"""The name does not resolve for a while, and the connection is lost meanwhile."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_name_that_does_not_resolve_is_tried_again(run: Runner) -> None:
    """A resolver that fails looks like a wrong setting, and is none."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("dns_failure", after_s=2, for_s=20)],
            recovery_within_s=20,
        )
    )
