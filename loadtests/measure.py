"""What one process measures: each event goes into the tally and, as a row, to Locust."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.redact import redact
from loadtests.tally import Tally

_REASON_CHARACTERS_MAX = 80

REQUEST_TYPES = {
    "connect": "WS",
    "disconnect": "WS",
    "reconnect": "WS",
    "join": "PHX",
    "delivery": "PHX",
    "user": "PHX",
}
"""Which of Locust's request types each row belongs to."""


class Unmeasured(Exception):
    """What did not come to be; Locust groups failures by the text: short, without ids."""

    def __repr__(self) -> str:
        """Locust shows this in its table of failures."""
        return f"{type(self).__name__}({str(self)!r})"


class ConnectError(Unmeasured):
    """A dial that led to no connection."""


class Disconnected(Unmeasured):
    """A connection that ended though it was still wanted."""


class JoinError(Unmeasured):
    """A join that was refused or not answered in time."""


class NotDelivered(Unmeasured):
    """A message that was due and did not come back."""


class Crashed(Unmeasured):
    """A user that ended by an error of the load test itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line for Locust's statistics. `response_s` is None for what took no time: a failure of
    0 ms would make the others look better than they were."""

    name: str
    response_s: float | None
    exception: Unmeasured | None = None


class Measure:
    """A tally and where its rows go; counts nothing more once it is closed."""

    def __init__(self, on_row: Callable[[Row], None]) -> None:
        self.tally = Tally()
        self._on_row = on_row
        self._closed = False

    def time(self, name: str, value_s: float) -> None:
        """One duration, in seconds."""
        if not self._closed:
            self.tally.time(name, value_s)
            self._on_row(Row(name, value_s))

    def count(self, name: str) -> None:
        """One event that is no request."""
        if not self._closed:
            self.tally.count(name)

    def fail(self, count: str, row: str, exception: Unmeasured) -> None:
        """One event that is a failed request."""
        if not self._closed:
            self.tally.count(count, str(exception))
            self._on_row(Row(row, None, exception))

    def close(self) -> None:
        """What happens from now on, as all users leave at once, belongs to no measurement."""
        self._closed = True


def short(reason: str) -> str:
    """A reason as a key: no secrets, no numbers that differ each time, of bounded length."""
    text = re.sub(r"\d+\.\d+( s)?|0x[0-9a-f]+|\b\d{5,}\b", "…", redact(reason))
    return text[:_REASON_CHARACTERS_MAX]
