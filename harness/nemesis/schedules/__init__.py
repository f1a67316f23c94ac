"""Schedules: plain lists of faults, written, drawn, stored and made smaller.

A fixed schedule is a list that somebody wrote. The others are functions that return one, so that
whatever made a schedule, it is printed, stored, replayed and shrunk in the same way.
"""

from harness.nemesis.schedules.draw import Between, Choice, OneOf, choice, drawn, swarm
from harness.nemesis.schedules.phases import healed_by
from harness.nemesis.schedules.shrink import Shrunk, shrink, smaller
from harness.nemesis.schedules.swizzle import swizzle
from harness.nemesis.schedules.text import as_code, dumps, loads
from harness.nemesis.schedules.turns import flip_flop, periodic

__all__ = [
    "Between",
    "Choice",
    "OneOf",
    "Shrunk",
    "as_code",
    "choice",
    "drawn",
    "dumps",
    "flip_flop",
    "healed_by",
    "loads",
    "periodic",
    "shrink",
    "smaller",
    "swarm",
    "swizzle",
]
