"""What goes wrong, when, and how it is healed.

A `Fault` is data: a name, when it starts, how long it lasts, and its parameters. A world lends the
nemesis two sets of levers, `Network` and `Server`; `FAULTS` says how each name pulls them.
"""

from harness.nemesis.fault import BadFault, Fault
from harness.nemesis.levers import CannotExpress, Heal, Levers, Network, Server
from harness.nemesis.registry import FAULTS, check_fault, check_schedule, strike

__all__ = [
    "FAULTS",
    "BadFault",
    "CannotExpress",
    "Fault",
    "Heal",
    "Levers",
    "Network",
    "Server",
    "check_fault",
    "check_schedule",
    "strike",
]
