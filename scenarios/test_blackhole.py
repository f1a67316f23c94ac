"""Every packet vanishes for 120 s, longer than any library's patience; connects hang as well."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_client_outlasts_a_black_hole(run: Runner) -> None:
    """Time-outs of the library run out one after another; the intention must not."""
    run(Scenario(faults=[Fault("hole", after_s=5, for_s=120)]))
