"""The levers: how the server is told to misbehave, until told otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Levers:
    """Every lever that can be taken back; the defaults are no lever at all."""

    muted: bool = False
    """No application speaks: WebSocket pings are answered, no Phoenix frame ever."""
    join_delay_s: float = 0.0
    """How late joins are answered."""
    joins_delayed_max: int | None = None
    """How many more joins are answered late; None is all of them."""
    refusal_status: int | None = None
    """The HTTP status that every upgrade is refused with."""
    retry_after_s: int | None = None
    """The `Retry-After` header of that refusal."""
    close_code: int | None = None
    """The code that each connection is closed with right after its handshake."""

    def take_join_delay_s(self) -> float:
        """How late the next join is answered; counts it."""
        if self.joins_delayed_max is None:
            return self.join_delay_s
        if self.joins_delayed_max == 0:
            return 0.0
        self.joins_delayed_max -= 1
        return self.join_delay_s
