"""What one channel has to do with presence: its key, what it tracks, and its window of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(eq=False, slots=True)
class Presence:
    """The presence of one channel."""

    key: str
    """What it is tracked under; fixed at the join (`protocol.md §5.3`)."""
    enabled: bool = False
    """Asked for by the join or the tenant, or turned on by a track."""
    routed: bool = False
    """Diffs go through the channel, which decides: it is private, and nobody asked for presence
    when its policies were last looked at (`protocol.md §5.4`)."""
    payload_text: str | None = None
    """The last payload that was tracked: the same again changes nothing."""
    ref: str = ""
    """The `phx_ref` of that."""
    meta: Mapping[str, Any] | None = None
    """What others see under the key; None when nothing is tracked."""
    calls_max: int = 5
    """How many calls may come in a window, as it was at the join."""
    window_s: float = 30.0
    """How long such a window is."""
    calls: int = 0
    """How many calls came in the window."""
    window_ends_s: float | None = None

    def take_call(self, now_s: float) -> bool:
        """Count a call; whether the window that began with the first one allows it."""
        if self.window_ends_s is None or now_s > self.window_ends_s:
            self.calls, self.window_ends_s = 0, now_s + self.window_s
        if self.calls >= self.calls_max:
            return False
        self.calls += 1
        return True
