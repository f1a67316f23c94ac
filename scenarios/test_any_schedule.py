"""Any schedule of faults: after the last one every wanted channel is joined and hears a probe."""

from harness.runner import Runner
from harness.scenario import Scenario
from harness.workloads import Broadcast
from scenarios.schedules import schedules


def test_every_channel_works_again_after_any_schedule(run: Runner) -> None:
    """The stories beside this one are those that somebody thought of; this looks for the others."""
    traffic = Broadcast(period_s=1.0, sends_every_s=5.0)
    story = Scenario(workload=traffic, recovery_within_s=60, faults_felt="any", worlds=("sim",))
    run.explore(story, schedules(), examples_max=100)
