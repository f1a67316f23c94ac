"""Any schedule of faults: after the last one every wanted channel is joined and hears a probe."""

from harness.pytest_plugin import Runner
from scenarios.schedules import scenarios


def test_every_channel_works_again_after_any_schedule(run: Runner) -> None:
    """The stories beside this one are those that somebody thought of; this looks for the others."""
    run.explore(scenarios(), examples_max=100)
