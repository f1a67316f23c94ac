"""The parity kit: whether a world does to a client what others do, at the socket and in stories.

`check_world` holds a world against the laws of the toxics and levers (`harness/parity/effects.py`)
and against the simulation (`harness/parity/stories.py`), as `harness.conformance` holds a client.
"""

from harness.parity.kit import DifferentWorld, check_world
from harness.parity.stage import Tolerance

__all__ = ["DifferentWorld", "Tolerance", "check_world"]
