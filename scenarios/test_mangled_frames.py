"""Frames come late, twice, in another order, broken, or with an unknown event."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_strange_frames_end_nothing(run: Runner) -> None:
    """One frame that cannot be read must not cost the connection."""
    run(
        Scenario(
            faults=[
                Fault("late", after_s=3, for_s=5, delay_s=1),
                Fault("duplicate", after_s=10, for_s=5),
                Fault("reorder", after_s=17, for_s=5),
                Fault("corrupt", after_s=24, for_s=5),
                Fault("unknown_event", after_s=31),
            ],
            worlds=("sim",),
        )
    )
