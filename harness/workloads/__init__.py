"""Traffic, and the final reads that settle what became of it."""

from harness.workloads.broadcast import BadWorkload, Broadcast

__all__ = ["BadWorkload", "Broadcast"]
