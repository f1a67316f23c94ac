"""The server is overloaded and says when to come back."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_refusal_is_waited_out(run: Runner) -> None:
    """Who comes back sooner than told makes it worse."""
    run(
        Scenario(
            faults=[
                Fault("rst", after_s=3),
                Fault("http", after_s=2, for_s=20, status=503, retry_after_s=5),
            ],
            worlds=("sim",),
        )
    )
