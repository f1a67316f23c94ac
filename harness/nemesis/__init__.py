"""What goes wrong, when, and how it is healed.

A `Fault` is data: a name, when it starts, how long it lasts, and its parameters. `FAULTS` says what
each name means and how it strikes; a world lends the levers that it pulls; the `Nemesis` is the one
place that strikes.
"""

from harness.nemesis.fault import STORY_S_MAX, BadFault, Fault
from harness.nemesis.kind import CATEGORIES, Category, FaultKind, Strike
from harness.nemesis.levers import CannotExpress, Held, Lever, Levers, Network, Server, Stream
from harness.nemesis.nemesis import Nemesis
from harness.nemesis.parameters import Parameter
from harness.nemesis.registry import FAULTS, check_fault, check_schedule, kind_of, misfit
from harness.nemesis.victims import VICTIMS, Victims, cohorts

__all__ = [
    "CATEGORIES",
    "FAULTS",
    "STORY_S_MAX",
    "VICTIMS",
    "BadFault",
    "CannotExpress",
    "Category",
    "Fault",
    "FaultKind",
    "Held",
    "Lever",
    "Levers",
    "Nemesis",
    "Network",
    "Parameter",
    "Server",
    "Stream",
    "Strike",
    "Victims",
    "check_fault",
    "check_schedule",
    "cohorts",
    "kind_of",
    "misfit",
]
