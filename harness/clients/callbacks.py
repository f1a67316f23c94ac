"""What goes wrong in an application's callbacks in its own process: slow, raising, calling back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.clients.contract import CallbackRaised
from harness.history import Op


class Callbacks:
    """The callbacks of one process, in order until `slow`, `raising` or `reentering`.

    `hold_up` makes the process stand still for so many seconds; `call` begins a call of its client,
    by name and value.
    """

    def __init__(
        self, hold_up: Callable[[float], None], call: Callable[[str, Mapping[str, Any]], None]
    ) -> None:
        self._hold_up = hold_up
        self._call = call
        self._slow_s = 0.0
        self._raising, self._raises_left = "", 0.0
        self._reentering = ""
        self._times: deque[Sequence[Mapping[str, Any]]] = deque()

    def slow(self, seconds: float) -> None:
        """Each callback of a message takes so long from now on; 0 ends that."""
        self._slow_s = seconds

    def raising(self, event: str, count: int | None) -> None:
        """The next `count` callbacks of an event raise; None is all of them, 0 ends that."""
        self._raising = event
        self._raises_left = math.inf if count is None else count

    def reentering(self, event: str, times: Iterable[Sequence[Mapping[str, Any]]]) -> None:
        """The next callbacks of an event make calls, each the next of these lists."""
        self._reentering = event
        self._times = deque(times)

    def happen(self, op: Op) -> None:
        """The application has its way, after what the client said. Raises `CallbackRaised`."""
        if self._slow_s and op.f == "received":
            self._hold_up(self._slow_s)
        if self._times and op.f == self._reentering:
            for call in self._times.popleft():
                self._call(call["f"], call["value"])
        if self._raises_left > 0 and op.f == self._raising:
            self._raises_left -= 1
            raise CallbackRaised(f"the application failed in a callback of {op.f!r}")
