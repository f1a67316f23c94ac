"""The log of what was committed, as far as Realtime reads it: changes, and messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeVar

from fake_server.database.catalog import Change, Row, StoredMessage, Table
from fake_server.database.messages import MESSAGES, stored_message

Kind = Literal["INSERT", "UPDATE", "DELETE"]
T = TypeVar("T")


class Write(NamedTuple):
    """One row that was written: as it is now, and as it was."""

    table: Table
    kind: Kind
    new: Row | None
    old: Row | None


class CommitLog:
    """Changes and messages that wait to be taken.

    At most `rows_max` of each, then the oldest go, and `rows_lost` counts them.
    """

    def __init__(self, rows_max: int) -> None:
        self.rows_lost = 0
        self._rows_max = rows_max
        self._changes: deque[Change] = deque()
        self._messages: deque[StoredMessage] = deque()

    def commit(self, written: Iterable[Write], now_s: float) -> None:
        """Append what is of interest: rows of published tables, and new messages."""
        for table, kind, new, old in written:
            if table.published:
                self._append(self._changes, Change(table, kind, new, old, now_s))
            if table.key == MESSAGES and kind == "INSERT" and new is not None:
                self._append(self._messages, stored_message(new))

    @property
    def changes_since_s(self) -> float | None:
        """When the first change was committed that waits to be taken; None while none does."""
        return self._changes[0].at_s if self._changes else None

    @property
    def has_messages(self) -> bool:
        """Whether messages wait to be taken."""
        return bool(self._messages)

    def take_changes(self) -> list[Change]:
        """The changes committed since the last call, in order."""
        return _taken(self._changes)

    def take_messages(self) -> list[StoredMessage]:
        """The messages stored since the last call, in order."""
        return _taken(self._messages)

    def _append(self, waiting: deque[T], entry: T) -> None:
        if len(waiting) >= self._rows_max:
            waiting.popleft()
            self.rows_lost += 1
        waiting.append(entry)


def _taken(waiting: deque[T]) -> list[T]:
    taken = list(waiting)
    waiting.clear()
    return taken
