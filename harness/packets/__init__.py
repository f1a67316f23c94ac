"""True packet loss: an own network namespace, and what nftables does to packets inside it.

Linux keeps a network for each thread. One thread leaves the machine's for an empty one of its own,
and what it opens and starts lives there: sockets, threads, tools. Nothing has a name that could be
left behind; when the thread and its sockets are gone, so is the namespace, however that came.
"""

from harness.packets.namespace import (
    CannotIsolate,
    Namespace,
    OutsideNamespace,
    ToolFailed,
    check_possible,
)
from harness.packets.rules import Way

__all__ = [
    "CannotIsolate",
    "Namespace",
    "OutsideNamespace",
    "ToolFailed",
    "Way",
    "check_possible",
]
