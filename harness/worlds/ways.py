"""The ways to a server: one for each group of clients that faults tell apart, and a common one."""

from __future__ import annotations

from harness.nemesis import Victims
from harness.worlds.world import Cohorts


class Ways:
    """Each way has a name: `server` for whoever is in no group, `server-1` for the first group."""

    def __init__(self, base: str, cohorts: Cohorts) -> None:
        self._base = base
        self._names = {
            client: f"{base}-{number}"
            for number, cohort in enumerate(cohorts, 1)
            for client in cohort
        }

    def all(self) -> tuple[str, ...]:
        """The name of every way, the common one first."""
        return self._base, *dict.fromkeys(self._names.values())

    def name(self, client: str) -> str:
        """The way of one client."""
        return self._names.get(client, self._base)

    def names(self, victims: Victims) -> tuple[str, ...] | None:
        """The ways of some clients; None: all of them, for all clients."""
        if victims is None:
            return None
        return tuple(dict.fromkeys(self.name(client) for client in victims))
