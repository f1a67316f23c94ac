"""Numbered rows beside the broadcasts: the clients listen to the changes of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.numeric import is_number
from harness.workloads.broadcast import PERIOD_S_MIN, BadWorkload, Broadcast


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Broadcast):
    """Every channel also listens to the inserts of one table, and the source inserts numbered rows.

    It commits them on the server's own side, so what a client misses was lost between the database
    and the client. The server must publish the table, let everybody read it, and have it take a row
    that says nothing but its `id`. Raises `BadWorkload`.
    """

    table: str = "numbers"
    """In schema `public`."""
    inserts_every_s: float = 0.5
    """Seconds between two rows."""

    def __post_init__(self) -> None:
        Broadcast.__post_init__(self)  # A class with slots has no `super()` here.
        if not isinstance(self.table, str) or not self.table:
            raise BadWorkload(f"table={self.table!r}: name the table that the server publishes")
        if not (is_number(self.inserts_every_s) and self.inserts_every_s >= PERIOD_S_MIN):
            raise BadWorkload(
                f"inserts_every_s={self.inserts_every_s!r} is no period; "
                f"say {PERIOD_S_MIN:g} s or more"
            )

    def changes(self) -> list[Mapping[str, str]]:
        """The inserts of the table, as a join asks for them."""
        return [{"event": "INSERT", "schema": "public", "table": self.table}]
