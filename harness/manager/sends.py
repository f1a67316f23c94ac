"""One channel's outgoing broadcasts: waiting, then written, then settled, each exactly once."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.manager.config import Config
from harness.manager.errors import InvalidSetting

Outcome = Literal["acked", "failed", "expired", "overflowed", "unknown"]

_NAME_BYTES_MAX = 255


@dataclass(frozen=True, slots=True)
class SendResult:
    """How one broadcast ended.

    * `acked`: the server answered ok. It means "accepted", never "received" (`protocol.md §4.3`).
    * `failed`: it certainly had no effect: never written, or refused by the server's own answer.
    * `expired`: it waited for a joined channel until its time was up; never written.
    * `overflowed`: the send buffer was full; never written.
    * `unknown`: written, but no answer came: nobody can know, so it is not sent again.
    """

    outcome: Outcome
    reason: str = ""


@dataclass(slots=True, eq=False)
class Outgoing:
    """One broadcast on its way. Its payload is encoded once, when it is handed in."""

    event: str
    data: bytes = field(repr=False)
    encoding: Literal["json", "binary"]
    expires_s: float = 0.0
    """When its time is up, on the loop's clock."""


def outgoing(event: str, payload: Any) -> Outgoing:
    """A broadcast from what the application gave: bytes stay bytes, all else becomes JSON.

    Raises `InvalidSetting` where no frame could carry it.
    """
    check_name("event", event)
    if isinstance(payload, bytes | bytearray | memoryview):
        return Outgoing(event, bytes(payload), "binary")
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Outgoing(event, text.encode(), "json")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidSetting(
            f"the payload of broadcast {event!r} is not JSON ({type(error).__name__}): "
            "give dicts, lists, strings, finite numbers, booleans, None, or bytes"
        ) from None


def check_name(what: str, name: object) -> None:
    """A topic or event must be text of 1 to 255 bytes, which is what a binary frame can carry."""
    if not isinstance(name, str) or not name:
        raise InvalidSetting(f"the {what} must be a string that is not empty, not {name!r}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidSetting(f"the {what} {name[:32]!r} has a lone surrogate: not text") from None
    if size > _NAME_BYTES_MAX:
        raise InvalidSetting(f"the {what} {name[:32]!r}… has {size} bytes; at most 255 fit a frame")


Settled = tuple[Outgoing, SendResult]


class Outbox:
    """The broadcasts of one channel that have no result yet, within the bounds of `Config`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        # Not written yet, oldest first, and their payload bytes.
        self._waiting: deque[Outgoing] = deque()
        self.waiting_bytes = 0
        # Written on the current link and not answered, by ref.
        self._in_flight: dict[str, Outgoing] = {}

    def __len__(self) -> int:
        """How many wait to be written."""
        return len(self._waiting)

    def offer(self, message: Outgoing) -> bool:
        """Take a message if there is room in count and bytes."""
        size = self.waiting_bytes + len(message.data)
        full = len(self._waiting) >= self._config.send_buffer_max
        if full or size > self._config.send_buffer_bytes_max:
            return False
        self._waiting.append(message)
        self.waiting_bytes = size
        return True

    def take(self) -> Outgoing | None:
        """The oldest message that may be written now; it leaves the buffer."""
        if not self._waiting or len(self._in_flight) >= self._config.in_flight_max:
            return None
        message = self._waiting.popleft()
        self.waiting_bytes -= len(message.data)
        return message

    def written(self, ref: str, message: Outgoing) -> None:
        """From now on only an answer to `ref` can say that it had an effect."""
        self._in_flight[ref] = message

    def answered(self, ref: str) -> Outgoing | None:
        """The message that the server's answer to `ref` is about, if it still waits for one."""
        return self._in_flight.pop(ref, None)

    def expire(self, now_s: float) -> Iterator[Settled]:
        """Settle what has run out of time."""
        for message in [m for m in self._waiting if m.expires_s <= now_s]:
            self.withdraw(message)
            yield message, SendResult("expired", "the channel was not joined in time")
        for ref in [r for r, m in self._in_flight.items() if m.expires_s <= now_s]:
            yield self._in_flight.pop(ref), SendResult("unknown", "written, not answered in time")

    def withdraw(self, message: Outgoing) -> None:
        """Forget a message that is not written; nothing happens if it is."""
        if message in self._waiting:
            self._waiting.remove(message)
            self.waiting_bytes -= len(message.data)

    def lose_in_flight(self, reason: str) -> Iterator[Settled]:
        """What was written and not answered will not be answered any more."""
        unanswered, self._in_flight = self._in_flight, {}
        for message in unanswered.values():
            yield message, SendResult("unknown", f"written, then: {reason}")

    def fail_waiting(self, reason: str) -> Iterator[Settled]:
        """What was not written will not be written any more."""
        waiting, self._waiting, self.waiting_bytes = self._waiting, deque(), 0
        for message in waiting:
            yield message, SendResult("failed", reason)

    def deadline_s(self) -> float | None:
        """When the next message runs out of time."""
        times_s = [m.expires_s for m in self._waiting]
        times_s += [m.expires_s for m in self._in_flight.values()]
        return min(times_s, default=None)
