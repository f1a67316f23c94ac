"""One live WebSocket as the real server's Cowboy keeps it: serial, blockable, closed when idle."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import CONNECTING, OPEN, Event
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from fake_server.config import ServerConfig
from fake_server.handshake import Admission

_IDLE_TICKS = 10
_CLOSE_TIMEOUT_S = 5.0
_DECIDED_S = 0.1
"""How long a refused join takes to be decided; what comes in meanwhile is read before its end."""
_LOST = 1006
_NO_CODES_FROM, _CODES_OF_LIBRARIES_FROM = 1012, 3000
"""Cowlib takes no close code of a client between these."""
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Port(Protocol):
    """Who keeps the TCP connections."""

    def made(self, wire: Wire) -> None:
        """A TCP connection was accepted."""

    def lost(self, wire: Wire) -> None:
        """The TCP connection is gone."""


class Owner(Protocol):
    """Who is told what happens on a wire, from its admission on."""

    def opened(self, wire: Wire, admission: Admission) -> None:
        """The handshake succeeded: give the wire its number, and say what it is greeted with."""

    def received(self, wire: Wire, frame: str | bytes) -> None:
        """A whole message came in, and the wire is not blocked."""

    def unblocked(self, wire: Wire) -> None:
        """The time of a block is over."""

    def idle(self, wire: Wire) -> None:
        """Nothing came in for too long."""

    def overflowed(self, wire: Wire, waiting_bytes: int) -> None:
        """More waits to be written than the bound allows."""

    def ended(self, wire: Wire, code: int, by: str) -> None:
        """The WebSocket ends; may be told more than once."""

    def gone(self, wire: Wire) -> None:
        """Nothing can be written to it any more."""


class _CowboyProtocol(ServerProtocol):
    """WebSocket as Cowboy speaks it, and messages handed over in the order of the bytes.

    A reply has to be written before the echo of a close frame that came in the same segment, so
    messages are handed over while the segment is read, not after it.
    """

    def __init__(
        self, on_message: Callable[[str | bytes], None], max_size: int, logger: logging.Logger
    ) -> None:
        super().__init__(max_size=max_size, logger=logger)
        self._on_message = on_message
        self._opcode = Opcode.TEXT
        self._fragments: list[bytes] = []

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            frame = self._close_as_cowboy_reads_it(frame)
        super().recv_frame(frame)
        if frame.opcode not in _DATA:
            return
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            data, self._fragments = b"".join(self._fragments), []
            # Bad UTF-8 is no reason to close (protocol.md §1.7): the codec refuses what it becomes.
            is_text = self._opcode is Opcode.TEXT
            self._on_message(data.decode(errors="surrogateescape") if is_text else data)

    def _close_as_cowboy_reads_it(self, frame: Frame) -> Frame:
        """It may stand amid a fragmented message, its reason may be any bytes, and a code that was
        registered after its time is a mistake. Raises `ProtocolError`."""
        data = bytes(frame.data)[:2]
        if _NO_CODES_FROM <= int.from_bytes(data) < _CODES_OF_LIBRARIES_FROM:
            raise ProtocolError("invalid status code")
        self.cur_size = None
        return Frame(Opcode.CLOSE, data)

    def process_request(self, request: Request) -> tuple[str, None, None]:
        """Accept with any key: the upgrade has been checked (`handshake.admit`), Cowboy does not
        look at what a key holds, and no extension or protocol is agreed on."""
        return accept_key(request.headers["Sec-WebSocket-Key"]), None, None

    def send_frame(self, frame: Frame) -> None:
        """Close frames carry a code and never a reason (`protocol.md §1.7`)."""
        if frame.opcode is Opcode.CLOSE:
            frame = Frame(Opcode.CLOSE, bytes(frame.data)[:2])
        super().send_frame(frame)


def framed(frame: str | bytes) -> bytes:
    """The bytes of a WebSocket frame, the same for every client: a server does not mask."""
    if isinstance(frame, str):
        text = frame.encode(errors="surrogateescape")
        return Frame(Opcode.TEXT, text).serialize(mask=False)
    return Frame(Opcode.BINARY, frame).serialize(mask=False)


class Wire(ServerConnection):
    """The shell around one connection: the core's effects on it, and what its bytes say.

    While it is blocked, nothing is read and what is written waits, as with a Phoenix transport
    process that waits for a join: what comes in before that join is decided is read with it, and is
    handled before anything that waits is written. While it is frozen, the same, for good and
    without a word.
    """

    def __init__(
        self, server: Server, port: Port, config: ServerConfig, logger: logging.Logger
    ) -> None:
        protocol = _CowboyProtocol(self._take, config.frame_bytes_max, logger)
        super().__init__(protocol, server, ping_interval=None, close_timeout=_CLOSE_TIMEOUT_S)
        self.conn = 0
        """The number of the connection, once the handshake has succeeded."""
        self.hung_up: asyncio.Future[int] = self.loop.create_future()
        """The code to close with, or 1006 when there is nobody left to tell."""
        self._port = port
        self._owner: Owner
        self._admission: Admission | None = None
        self._config = config
        self._frozen = False
        self._ready = False
        self._inbox: deque[Callable[[], None]] | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._ahead = b""
        self.frames_in = self.frames_out = 0
        self._opened_s = self._heard_s = self.loop.time()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._block_timer: asyncio.TimerHandle | None = None
        self._pause_timer: asyncio.TimerHandle | None = None

    def admitted(self, admission: Admission, owner: Owner) -> None:
        """The upgrade may go on, and what happens from here on is told to this owner."""
        self._admission, self._owner = admission, owner

    def open(self) -> None:
        """The handshake has succeeded: hand over what comes in from here on."""
        assert self._admission is not None
        # Nobody reads them again, and they are a fifth of what a connection occupies.
        self.request = self.response = None
        self._opened_s = self._heard_s = self.loop.time()
        self._watch_idleness()
        self._owner.opened(self, self._admission)
        self._ready = True
        self._hand_over()

    def write(self, data: bytes) -> None:
        """Write the bytes of a frame, or hold them back while the connection is blocked."""
        if self._frozen or self.protocol.state is not OPEN:
            return
        self.frames_out += 1
        if self._block_timer is not None:
            self._held.append(data)
            self._held_bytes += len(data)
        else:
            self.transport.write(data)
        waiting_bytes = self.transport.get_write_buffer_size() + self._held_bytes
        if waiting_bytes > self._config.outbox_bytes_max:
            self._owner.overflowed(self, waiting_bytes)

    def when_unblocked(self, act: Callable[[], None]) -> None:
        """Do this after what came in before, and not while the connection is blocked."""
        if not self._inbox and self._flows:
            act()
            return
        # Made when it is needed: an empty deque is a twentieth of what a connection occupies.
        self._inbox = self._inbox or deque()
        self._inbox.append(act)

    def block(self, delay_s: float) -> None:
        """Neither read nor write for a while."""
        self._pause_timer = self.loop.call_later(_DECIDED_S, self._pause_reading)
        self._block_timer = self.loop.call_later(delay_s, self._unblock)

    def freeze(self) -> None:
        """Neither read nor write ever again; the socket stays open."""
        self._frozen = True
        self._pause_reading()

    def hang_up(self, code: int) -> None:
        """Close with this code; a frozen connection hears nothing of it."""
        if not self._frozen and not self.hung_up.done():
            self._release()
            self._write_held()
            self.hung_up.set_result(code)

    def drop_held(self) -> None:
        """Forget what waits to be written."""
        self._held, self._held_bytes = [], 0

    def vanish(self) -> None:
        """Drop the connection without a close frame."""
        self.transport.abort()

    def gone(self) -> None:
        """Nothing can be written any more."""
        self._owner.gone(self)

    async def lost_within(self, delay_s: float) -> bool:
        """Wait; returns early, and true, when the TCP connection is lost."""
        await asyncio.wait([self.connection_lost_waiter], timeout=delay_s)
        return self.connection_lost_waiter.done()

    # What websockets and the loop tell us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._port.made(self)

    def data_received(self, data: bytes) -> None:
        self._heard_s = self.loop.time()
        if self._block_timer is not None:
            self._ahead += data
            return
        self._parse(data)

    def process_event(self, event: Event) -> None:
        # Messages have been handed over already; the library would queue them for recv().
        if isinstance(event, Request):
            super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tell_end()
        for timer in (self._idle_timer, self._block_timer, self._pause_timer):
            if timer is not None:
                timer.cancel()
        self._port.lost(self)

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        self._tell_end()

    def _take(self, frame: str | bytes) -> None:
        self.frames_in += 1
        if self._admission is None:
            # A client that did not wait for its handshake: who will hear it is not known yet.
            self.when_unblocked(lambda: self._owner.received(self, frame))
        else:
            self.when_unblocked(partial(self._owner.received, self, frame))

    def _hand_over(self) -> None:
        while self._inbox and self._flows:
            self._inbox.popleft()()
        self._inbox = self._inbox or None

    @property
    def _flows(self) -> bool:
        """Whether what comes in is handed over at once."""
        return self._ready and self._block_timer is None and not self._frozen

    def _unblock(self) -> None:
        ahead, self._ahead = self._ahead, b""
        self._parse(ahead)
        self._release()
        self._owner.unblocked(self)
        self._hand_over()
        if self._flows:
            self._write_held()

    def _write_held(self) -> None:
        held = self._held
        self.drop_held()
        for data in held:
            self.write(data)

    def _release(self) -> None:
        if self._block_timer is not None:
            self._block_timer.cancel()
            self._block_timer = None
            self._cancel_pause()
            if not self._frozen and not self.transport.is_closing():
                self.transport.resume_reading()

    def _cancel_pause(self) -> None:
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer = None

    def _pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _tell_end(self) -> None:
        if self.protocol.state in (CONNECTING, OPEN) or self._admission is None:
            return
        received, sent = self.protocol.close_rcvd, self.protocol.close_sent
        if received is not None and self.protocol.close_rcvd_then_sent:
            self._owner.ended(self, int(received.code), "client")
        elif sent is not None:
            self._owner.ended(self, int(sent.code), "server")
        else:
            self._owner.ended(self, _LOST, "network")
        if not self.hung_up.done():
            self.hung_up.set_result(_LOST)

    def _watch_idleness(self) -> None:
        """Close at the eleventh tick without a byte: 60 to 66 s (`protocol.md §1.6`)."""
        tick_s = self._config.idle_timeout_s / _IDLE_TICKS
        ticks_until_heard = int((self._heard_s - self._opened_s) / tick_s)
        due_s = self._opened_s + (ticks_until_heard + _IDLE_TICKS + 1) * tick_s
        if due_s <= self.loop.time():
            self._owner.idle(self)
        else:
            self._idle_timer = self.loop.call_at(due_s, self._watch_idleness)
