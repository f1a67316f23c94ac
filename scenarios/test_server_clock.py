"""The server's clock jumps by two hours: to it, every token has expired."""

from harness.generator import call
from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_the_next_token_brings_everybody_back(run: Runner) -> None:
    """Right or wrong, it is the server's clock that decides."""
    run(
        Scenario(
            faults=[
                Fault("server_clock_jump", after_s=5, for_s=60),
                Fault("rst", after_s=6),
            ],
            calls=[
                call(1, "set_token", token_id="first"),
                call(8, "set_token", token_id="second"),
            ],
            worlds=("sim",),
        )
    )
