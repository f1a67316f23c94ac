"""The application hangs for two minutes and answers pings all the time."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_mute_server_is_left(run: Runner) -> None:
    """The library's own ping is answered, so it will not notice."""
    run(Scenario(faults=[Fault("mute_app", after_s=3, for_s=120)], worlds=("sim",)))
