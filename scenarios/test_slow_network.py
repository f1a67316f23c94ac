"""Every frame from the server takes two seconds more, and the line carries 20 kB/s."""

from harness.nemesis import Fault
from harness.runner import Runner
from harness.scenario import Scenario


def test_a_slow_network_loses_nothing(run: Runner) -> None:
    """Slow is not dead: a client that reconnects here turns a delay into a loss."""
    run(
        Scenario(
            faults=[Fault("slow", after_s=5, for_s=15, latency_s=2.0, bytes_per_s=20_000)],
            recovery_within_s=20,
        )
    )
