"""How a simulation ends before its program does."""

from __future__ import annotations


class SimDeadlock(RuntimeError):
    """The program hangs: nothing can ever happen, or it spins while time stands still.

    The text gives the virtual time and where each pending task waits.
    """


class VirtualTimeLimit(RuntimeError):
    """The program still runs at the limit of virtual time; the text says where its tasks wait."""


class EscapedSimulation(RuntimeError):
    """The program touched the real world; the text names the call and what to use instead.

    It ends the simulation at the loop's next turn even where the program swallows it, since what
    follows would not be reproducible.
    """
