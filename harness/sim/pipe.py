"""One direction of one connection: what is written, in flight, or lost, and the toxics on it."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Protocol

from harness.sim.kernel import Kernel
from harness.sim.packet import Packet
from harness.sim.trace import Trace
from harness.sim.way import Way
from harness.toxics import Chain, Signal, Toxic

BUFFER_BYTES = 256 * 1024
"""What the two sockets hold of one direction before the writer's own buffer grows."""

SEGMENT_BYTES_MAX = 64 * 1024
"""A longer write arrives in pieces of this size."""


class End(Protocol):
    """One end of a connection, as its pipes see it."""

    @property
    def stands(self) -> bool:
        """Whether its program stands still, and neither reads nor writes."""

    @property
    def unread_bytes(self) -> int:
        """Bytes that arrived and that the program has not read."""

    def receive(self, packet: Packet, data: bytes = b"") -> None:
        """A packet arrives."""

    def drained(self) -> None:
        """Some of what was written has left."""

    def lose(self, error: OSError | None) -> None:
        """The kernel gives the connection up; the other end is told nothing."""


class Pipe:
    """Carries bytes from `source` to `sink`, in order and without a gap.

    A packet is lost when it meets a cut as it is sent or as it arrives; then the heal ends it all.
    """

    def __init__(
        self,
        kernel: Kernel,
        trace: Trace,
        number: int,
        upward: bool,
        way: Way,
        way_back: Way,
        patience_s: Callable[[], float],
    ) -> None:
        self._kernel = kernel
        self._trace = trace
        self._number = number
        self._upward = upward
        self._way = way
        # Acknowledgements come this way.
        self._way_back = way_back
        # How long unacknowledged data may wait: TCP_USER_TIMEOUT.
        self._patience_s = patience_s
        self._giving_up: asyncio.TimerHandle | None = None
        self.source: End
        self.sink: End
        self._back: Pipe
        # Written and not sent.
        self._waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        self._finishing = False
        self._finished = False
        # Sent and not arrived. A queue, since timers of the same instant come in any order.
        self._flight: deque[tuple[Packet, bytes]] = deque()
        self._flight_bytes = 0
        self._line_free_s = 0.0
        self._last_arrival_s = 0.0
        # Nothing passes any more, in either direction, and nobody is told.
        self.silent = False
        # Something was lost: the heal must end the connection before anything else is delivered.
        self.starved = False
        self._chain: Chain | None = None
        self._chain_timer: asyncio.TimerHandle | None = None
        # A toxic has closed the connection.
        self._severed = False

    def join(self, source: End, sink: End, back: Pipe) -> None:
        """Put the pipe between two ends, before anything is sent; `back` goes the other way."""
        self.source, self.sink, self._back = source, sink, back

    # For the source.

    def open(self) -> None:
        """Complete the handshake."""
        self._send(Packet.OPEN)

    def write(self, data: bytes) -> None:
        """Send when there is room."""
        if len(data) <= SEGMENT_BYTES_MAX:
            self._waiting.append(data)
        else:
            for at in range(0, len(data), SEGMENT_BYTES_MAX):
                self._waiting.append(data[at : at + SEGMENT_BYTES_MAX])
        self.waiting_bytes += len(data)
        self._pump()

    def finish(self) -> None:
        """FIN, after what was written."""
        self._finishing = True
        self._pump()

    def reset(self) -> None:
        """RST, now."""
        self.discard()
        self._send(Packet.RST)

    def discard(self) -> None:
        """Forget what was written and not sent."""
        self._waiting.clear()
        self.waiting_bytes = 0

    def go_on(self) -> None:
        """The source stood still, and writes again."""
        self._proceed()

    # For the sink.

    def read(self) -> None:
        """The sink has read: there may be room again."""
        self._proceed()

    # For the network.

    def heal(self) -> None:
        """The cut is over: what arrived without an acknowledgement gets one."""
        self._stop_giving_up()

    def end(self) -> None:
        """Somebody in between closes the connection, to both ends."""
        self._sever(Packet.FIN)

    def close(self) -> None:
        """Both ends are gone."""
        self._stop_giving_up()
        self.discard()
        if self._chain_timer:
            self._chain_timer.cancel()

    def add_toxic(self, name: str, toxic: Toxic, hit: bool, make_rng: Callable[[], Random]) -> None:
        """Put a toxic at the end of the chain. `hit` is what toxicity drew."""
        if self._chain is None:
            self._chain = Chain(make_rng())
        self._chain.add(name, toxic, self._kernel.now_s, hit=hit)
        self._run_chain()

    def remove_toxic(self, name: str) -> None:
        """Take a toxic out; what it held goes on."""
        if self._chain is not None:
            self._chain.remove(name, self._kernel.now_s)
            self._run_chain()
            if self._chain.idle:
                self._chain = None

    # Sending.

    def _pump(self) -> None:
        while self._waiting and self._has_room():
            data = self._waiting.popleft()
            self.waiting_bytes -= len(data)
            self._send(Packet.DATA, data)
        if self._finishing and not self._waiting and not self._finished:
            self._finished = True
            self._send(Packet.FIN)

    def _proceed(self) -> None:
        if self._waiting:
            self._pump()
            self.source.drained()

    def _has_room(self) -> bool:
        if self.source.stands:
            return False
        if self._chain is not None and self._chain.full:
            return False
        return self._flight_bytes + self.sink.unread_bytes < BUFFER_BYTES

    def _send(self, packet: Packet, data: bytes = b"") -> None:
        now_s = self._kernel.now_s
        self._trace.sent(now_s, self._number, self._upward, packet, data)
        self._flight_bytes += len(data)
        if self._blocked:
            self._lose(packet)
            return
        way = self._way
        self._line_free_s = (
            max(now_s, self._line_free_s) + len(data) / way.link.bandwidth_bytes_per_s
        )
        self._last_arrival_s = max(self._last_arrival_s, self._line_free_s + way.delay_s())
        self._flight.append((packet, data))
        self._kernel.kernel_at(self._last_arrival_s, self._arrive)

    # Arriving.

    def _arrive(self) -> None:
        packet, data = self._flight.popleft()
        if self._blocked:
            self._lose(packet)
            return
        self._flight_bytes -= len(data)
        self._trace.arrived(self._kernel.now_s, self._number, self._upward, packet, len(data))
        if self._way_back.cut and packet is not Packet.RST:
            self._await_acknowledgement()
        self._pass(packet, data)
        self._proceed()

    def _pass(self, packet: Packet, data: bytes) -> None:
        if self._severed:
            if packet is Packet.DATA:
                self.source.receive(Packet.RST)
        elif self._chain is None or packet is Packet.OPEN or packet is Packet.RST:
            self.sink.receive(packet, data)
        else:
            self._chain.feed(data if packet is Packet.DATA else Signal.END, self._kernel.now_s)
            self._run_chain()

    # Losing.

    @property
    def _blocked(self) -> bool:
        return self._way.cut or self.silent

    def _lose(self, packet: Packet) -> None:
        """An RST is not sent again, so nobody waits for it."""
        if packet is not Packet.RST:
            self.starved = True
            self._await_acknowledgement()

    def _await_acknowledgement(self) -> None:
        if self._giving_up is None:
            self._giving_up = self._kernel.kernel_at(
                self._kernel.now_s + self._patience_s(), self._give_up
            )

    def _give_up(self) -> None:
        self.source.lose(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))

    def _stop_giving_up(self) -> None:
        if self._giving_up:
            self._giving_up.cancel()
            self._giving_up = None

    # Toxics.

    def _run_chain(self) -> None:
        """Deliver what is due, and wake for what comes next. Call after the chain changed."""
        assert self._chain is not None
        now_s = self._kernel.now_s
        for item in self._chain.due(now_s):
            self._deliver(item)
        self._set_chain_timer(self._chain.deadline(), now_s)
        self._proceed()

    def _set_chain_timer(self, deadline_s: float | None, now_s: float) -> None:
        if self._chain_timer:
            self._chain_timer.cancel()
            self._chain_timer = None
        if deadline_s is not None and not self._severed:
            self._chain_timer = self._kernel.kernel_at(max(deadline_s, now_s), self._run_chain)

    def _deliver(self, item: bytes | Signal) -> None:
        match item:
            case bytes():
                self.sink.receive(Packet.DATA, item)
            case Signal.END:
                self.sink.receive(Packet.FIN)
            case Signal.CLOSE:
                self._sever(Packet.FIN)
            case Signal.RESET:
                self._sever(Packet.RST)

    def _sever(self, packet: Packet) -> None:
        self._severed = self._back._severed = True
        self.sink.receive(packet)
        self.source.receive(packet)
