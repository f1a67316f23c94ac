"""One line of a table of measures, and whether its target holds."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of ours and of the peer."""

    what: str
    ours: float
    peer: float
    target: str
    holds: bool
    ratio: float | None = None
    """Where the rounds were paired: the median of their ratios. Not a number: it says nothing."""

    def __str__(self) -> str:
        mark = "ok" if self.holds else "MISSED"
        ratio = self.ours / self.peer if self.ratio is None else self.ratio
        shown = "–" if math.isnan(ratio) else f"{ratio:.2f}"
        return (
            f"{self.what:<44}{shown:>7}{self.ours:>12,.1f}{self.peer:>12,.1f}"
            f"  {self.target:<22}{mark}"
        )
