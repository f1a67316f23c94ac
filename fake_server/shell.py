"""The shell around the core of one tenant: its wires and its timer; the core's effects, performed.

What the wires tell goes to the core at once (`wire.Owner`), so that a frame costs one call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from fake_server.effects import (
    Arrive,
    Block,
    Effect,
    Hangup,
    HangupWhenRead,
    Kill,
    Later,
    Send,
    SendAll,
    Truth,
)
from fake_server.ground_truth import Counts
from fake_server.handshake import Admission
from fake_server.node import Node
from fake_server.wire import framed

OnTruth = Callable[[str, Mapping[str, Any]], None]

_LOG = logging.getLogger("fake_server")
_TIMER_STEP_S = 0.001
_VANISHED = 1006
_LATE_FRAMES_MAX = 100_000


class Line(Protocol):
    """What carries the frames of one connection: a `wire.Wire` or a `longpoll.Session`."""

    conn: int
    frames_in: int
    frames_out: int

    def write(self, data: bytes) -> None: ...
    def drop_held(self) -> None: ...
    def hang_up(self, code: int) -> None: ...
    def vanish(self) -> None: ...
    def block(self, delay_s: float) -> None: ...
    def freeze(self) -> None: ...
    def when_unblocked(self, act: Callable[[], None]) -> None: ...
    async def wait_closed(self) -> None: ...


class Shell:
    """Performs what a core wants, on the lines of its connections and the running event loop."""

    def __init__(
        self, node: Node, true_clock: Callable[[], float], on_truth: OnTruth | None
    ) -> None:
        self.node = node
        self.lines: dict[int, Line] = {}
        """The live connections by number, in order of arrival."""
        self.counts = Counts()
        self._true_clock = true_clock
        self._clock_ahead_s = 0.0
        self._on_truth = on_truth
        self._runs = False
        self._late_frames = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s: float | None = None
        node.database.on_commit = self._look_at_timer

    def now_s(self) -> float:
        """Seconds since the epoch, as the tenant believes."""
        return self._true_clock() + self._clock_ahead_s

    def started(self) -> None:
        """The server listens."""
        self._runs = True
        self.node.started(self.now_s())

    def vanish(self) -> None:
        """The server is gone: every connection ends, and nobody is left to be told."""
        self._runs = False
        self.perform(self.node.vanished(_VANISHED))

    def jump(self, by_s: float) -> None:
        """The clock jumps."""
        self._clock_ahead_s += by_s
        self._timer_due_s = None
        self._set_timer()

    def freeze(self, conns: list[int]) -> None:
        """These connections are neither read nor written ever again."""
        for conn in conns:
            self.lines[conn].freeze()

    async def drain(self, conns: list[int], batch: int, gap_s: float, code: int) -> None:
        """Close these connections, `batch` at a time with `gap_s` seconds between."""
        for first in range(0, len(conns), batch):
            if first:
                await asyncio.sleep(gap_s)
            self.perform(self.node.hang_up(conns[first : first + batch], code))

    # What the lines tell (`wire.Owner`).

    def opened(self, line: Line, admission: Admission) -> None:
        """A handshake succeeded: the connection gets its number, and what it is greeted with."""
        line.conn, effects = self.node.opened(admission)
        self.lines[line.conn] = line
        self.perform(effects)

    def gone(self, line: Line) -> None:
        """Nothing can be written to this one any more."""
        if self.lines.pop(line.conn, None) is not None:
            self.counts.ended(line)

    def received(self, line: Line, frame: str | bytes) -> None:
        self.perform(self.node.receive(line.conn, frame, self.now_s()))

    def unblocked(self, line: Line) -> None:
        self.perform(self.node.resume(line.conn, self.now_s()))

    def idle(self, line: Line) -> None:
        self.perform(self.node.hang_up([line.conn], 1000))

    def overflowed(self, line: Line, waiting_bytes: int) -> None:
        _LOG.warning(
            "conn %d does not read: dropped with %d bytes waiting", line.conn, waiting_bytes
        )
        line.vanish()
        self.perform(self.node.closed(line.conn, _VANISHED, "server"))

    def ended(self, line: Line, code: int, by: str) -> None:
        self.perform(self.node.closed(line.conn, code, by))

    # What the core wants.

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do it in order; what is for a connection that has just gone has nobody to reach."""
        lines = self.lines
        for effect in effects:
            match effect:
                case Send(conn, frame) if conn in lines:
                    lines[conn].write(framed(frame))
                case SendAll(conns, frame):
                    data = framed(frame)
                    for conn in conns:
                        if conn in lines:
                            lines[conn].write(data)
                case Hangup(conn, code) if conn in lines:
                    lines[conn].hang_up(code)
                case HangupWhenRead(conn, code) if conn in lines:
                    lines[conn].when_unblocked(partial(self._hang_up, conn, code))
                case Kill(conn) if conn in lines:
                    lines[conn].vanish()
                case Block(conn, delay_s) if conn in lines:
                    lines[conn].block(delay_s)
                case Arrive(conn, frame) if conn in lines:
                    lines[conn].when_unblocked(partial(self._arrive, conn, frame))
                case Later(delay_s, then):
                    self._in_a_while(delay_s, then)
                case Truth(f, value):
                    self.counts.act(f)
                    if self._on_truth is not None:
                        self._on_truth(f, value)
        self._set_timer()

    def _hang_up(self, conn: int, code: int) -> None:
        # What was to be written came to the transport after its message to hang up (recorded).
        if conn in self.lines:
            self.lines[conn].drop_held()
        self.perform(self.node.hang_up([conn], code))

    def _arrive(self, conn: int, frame: str | bytes) -> None:
        self.perform(self.node.arrive(conn, frame, self.now_s()))

    def _in_a_while(self, delay_s: float, then: Send | Arrive) -> None:
        if self._late_frames == _LATE_FRAMES_MAX:
            _LOG.warning(
                "conn %d: %d frames are late already, one more is not", then.conn, _LATE_FRAMES_MAX
            )
            self.perform([then])
            return
        self._late_frames += 1
        asyncio.get_running_loop().call_later(delay_s, self._perform_late, then)

    def _perform_late(self, then: Send | Arrive) -> None:
        self._late_frames -= 1
        if then.conn in self.lines:
            self.perform([then])

    # The timer.

    def _set_timer(self) -> None:
        due_s = self.node.next_due_s
        if due_s == self._timer_due_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s, self._timer = due_s, None
        if due_s is not None:
            delay_s = max(due_s - self.now_s(), _TIMER_STEP_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)

    def _look_at_timer(self) -> None:
        """Something was committed: changes and messages have to go out while the server runs."""
        if self._runs:
            self._set_timer()

    def _due(self) -> None:
        self._timer_due_s = self._timer = None
        self.perform(self.node.due(self.now_s()))
