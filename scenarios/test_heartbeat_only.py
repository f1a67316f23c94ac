"""The server answers heartbeats, and nothing else."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_join_into_the_void_is_repeated(run: Runner) -> None:
    """The connection looks alive by every measure but one."""
    run(
        Scenario(
            faults=[Fault("rst", after_s=3), Fault("heartbeat_only", after_s=2, for_s=8)],
            worlds=("sim",),
        )
    )
