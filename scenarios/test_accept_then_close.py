"""Every handshake succeeds and is followed by a close, for half a minute."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_handshake_is_no_proof_of_health(run: Runner) -> None:
    """A back-off that starts anew at each handshake is a busy loop that floods the server."""
    run(
        Scenario(
            faults=[Fault("accept_then_close", after_s=3, for_s=20, code=1011)],
            recovery_within_s=31,
        )
    )
