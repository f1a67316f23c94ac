"""Traffic, and the final reads that settle what became of it."""

from harness.workloads.broadcast import BadWorkload, Broadcast
from harness.workloads.changes import Changes

__all__ = ["BadWorkload", "Broadcast", "Changes"]
