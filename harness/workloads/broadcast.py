"""Numbered broadcasts: a source that no fault reaches, and the clients' own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """Every client wants every topic; the source publishes to each; the clients send, too.

    The source publishes from the server's own side, as a REST call would, so what a client misses
    was lost between the server and the client. Its numbers rise by one for each topic. Events are
    named `n`; a payload is `{"id": number, "sender": name}`.
    """

    clients: int = 1
    """How many client processes."""
    topics: tuple[str, ...] = ("room",)
    """The channels each of them wants from the beginning to the end."""
    period_s: float = 0.5
    """Seconds between two messages of the source on a topic."""
    sends_every_s: float | None = 1.0
    """Seconds between two broadcasts of one client; None: the clients only listen."""
    fault_period_s: float | None = None
    """Seconds between two messages of the source while faults go on; None: `period_s`."""

    def names(self) -> tuple[str, ...]:
        """The client processes."""
        return tuple(f"client-{number}" for number in range(self.clients))
