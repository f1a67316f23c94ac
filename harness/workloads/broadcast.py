"""Numbered broadcasts: a source that no fault reaches, and the clients' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.numeric import is_number, is_whole

CLIENTS_MAX = 10_000
PERIOD_S_MIN = 0.001


class BadWorkload(ValueError):
    """Traffic that cannot be made: names the value, the rule and the mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """Every client wants every topic; the source publishes to each; the clients send, too.

    The source publishes from the server's own side, as a REST call would, so what a client misses
    was lost between the server and the client. Its numbers rise by one for each topic. Events are
    named `n`; a payload is `{"id": number, "sender": name}`. Raises `BadWorkload`.
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

    def __post_init__(self) -> None:
        if not (is_whole(self.clients) and 1 <= self.clients <= CLIENTS_MAX):
            raise BadWorkload(f"clients={self.clients!r}: say 1 to {CLIENTS_MAX}")
        if not self.topics or len(dict.fromkeys(self.topics)) < len(self.topics):
            raise BadWorkload(f"topics={self.topics!r}: name at least one, and each once")
        for name in ("period_s", "sends_every_s", "fault_period_s"):
            value = getattr(self, name)
            if value is None and name != "period_s":
                continue
            if not (is_number(value) and value >= PERIOD_S_MIN):
                raise BadWorkload(f"{name}={value!r} is no period; say {PERIOD_S_MIN:g} s or more")

    def changes(self) -> list[Mapping[str, str]]:
        """The changes of tables that each channel listens to, as a join asks for them; none."""
        return []

    def names(self) -> tuple[str, ...]:
        """The client processes."""
        return tuple(f"client-{number}" for number in range(self.clients))
