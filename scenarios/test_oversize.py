"""Messages of more than a megabyte arrive."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_large_message_does_not_end_the_connection(run: Runner) -> None:
    """The limit of a library would end all channels, over and over."""
    run(
        Scenario(
            faults=[Fault("oversize", after_s=3, for_s=10, event="broadcast")], worlds=("sim",)
        )
    )
