"""Traffic, and the final reads that settle what became of it."""

from harness.workloads.broadcast import Broadcast

__all__ = ["Broadcast"]
