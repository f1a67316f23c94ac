"""The application behind the connection hangs: pings are answered, no Phoenix frame ever comes."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_connection_without_heartbeat_replies_is_replaced(run: Runner) -> None:
    """WebSocket pings prove only that a process lives; the reply to a heartbeat proves the rest."""
    run(Scenario(faults=[Fault("mute_live", after_s=3)]))
