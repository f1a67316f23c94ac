"""One end of a simulated connection: asyncio's selector transport, with pipes for a socket."""

from __future__ import annotations

import asyncio
import errno
from asyncio import transports
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, cast

from harness.sim.host import HOST
from harness.sim.packet import Packet
from harness.sim.pipe import Pipe
from harness.sim.sock import SimSocket


# CPython's own flow control: the marks, and the calls of pause_writing and resume_writing.
class SimTransport(transports._FlowControlMixin):
    """Behaves to its protocol as `asyncio.selector_events._SelectorSocketTransport` does."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: SimSocket,
        incoming: Pipe,
        outgoing: Pipe,
        context: Context,
        on_gone: Callable[[SimTransport], None],
        on_open: Callable[[SimTransport], None] | None = None,
    ) -> None:
        extra = {"socket": sock, "sockname": sock.getsockname(), "peername": sock.getpeername()}
        super().__init__(extra, loop)
        self.loop = loop
        self.context = context
        self.unread_bytes = 0
        self._sock = sock
        self._in = incoming
        self._out = outgoing
        # Called after `connection_lost`, and when the other end has completed the handshake.
        self._on_gone = on_gone
        self._on_open = on_open
        self._protocol: asyncio.Protocol | None = None
        # What arrived and cannot be delivered yet.
        self._inbox: deque[tuple[Packet, bytes]] = deque()
        self._paused = False
        # FIN received: only an RST can follow it.
        self._ended = False
        # RST received: the next write fails, even while reading is paused.
        self._reset = False
        self._eof_written = False
        self._closing = False
        # Whose it is; nobody's never stands still.
        self._host = context.get(HOST)
        if self._host is not None:
            self._host.sockets[self] = None
        # The socket is closed; `connection_lost` is called or about to be.
        self.gone = False
        self._forgotten = False

    def attach(self, protocol: asyncio.Protocol) -> None:
        """Begin: the connection is made."""
        self._protocol = protocol
        protocol.connection_made(self)
        self._drain()

    # What the protocol calls.

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not (self._paused or self._closing)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self.loop.call_soon(self._drain, context=self.context)

    def get_write_buffer_size(self) -> int:
        return self._out.waiting_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data: expecting a bytes-like instance, got {type(data).__name__}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._reset:
            self.lose(broken_pipe() if self._ended else connection_reset())
        if data and not self._closing:
            self._out.write(bytes(data))
            self._flow()._maybe_pause_protocol()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not (self._closing or self._eof_written):
            self._eof_written = True
            self._out.finish()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._out.waiting_bytes:
                self._close_socket(None)

    def abort(self) -> None:
        self._force_close(None)

    # What its host calls.

    def wake(self) -> None:
        """The program goes on: it writes what waits, and reads what has come."""
        self._out.go_on()
        self._drain()

    def vanish(self) -> None:
        """The program has died: the kernel closes what it had open, and the rest is forgotten."""
        if not self.gone:
            self._closing = True
            self._out.discard()
            self._shut()
        self._protocol = None
        self._forget()

    # What the pipes and the network call.

    @property
    def stands(self) -> bool:
        """Whether the program stands still."""
        return self._host is not None and self._host.stands

    def refuse(self) -> None:
        """Nobody listens any more: answer with an RST."""
        self._out.reset()
        self.lose(None)

    def receive(self, packet: Packet, data: bytes = b"") -> None:
        """A packet arrives. A closed socket answers data with an RST, as the kernel does."""
        if self.gone:
            if packet is Packet.DATA:
                self._out.reset()
        elif packet is Packet.OPEN:
            assert self._on_open is not None
            self._enter(self._on_open, self)
        else:
            self._reset = self._reset or packet is Packet.RST
            self.unread_bytes += len(data)
            self._inbox.append((packet, data))
            self._enter(self._drain)

    def drained(self) -> None:
        """Some of what was written has left."""
        self._enter(self._flow()._maybe_resume_protocol)
        if self._closing and not self.gone and not self._out.waiting_bytes:
            self._close_socket(None)

    def lose(self, error: OSError | None) -> None:
        """The connection is gone; the other end is told nothing."""
        if not self.gone:
            self._closing = self.gone = True
            self._out.discard()
            self._forget_unread()
            self.loop.call_soon(self._call_connection_lost, error, context=self.context)

    # Inside.

    def _flow(self) -> Any:
        """CPython's flow control, which type stubs do not show."""
        return self

    def _enter(self, callback: Callable[..., object], *args: Any) -> None:
        """Call the program from below. A copy, since it may be in its context already."""
        self.context.copy().run(callback, *args)

    def _drain(self) -> None:
        if self._closing and self._reset:
            self.lose(connection_reset())
        while self._inbox and self._can_deliver():
            packet, data = self._inbox.popleft()
            self.unread_bytes -= len(data)
            self._deliver(packet, data)
        self._in.read()

    def _can_deliver(self) -> bool:
        return self._protocol is not None and self.is_reading() and not self.stands

    def _deliver(self, packet: Packet, data: bytes) -> None:
        assert self._protocol is not None
        try:
            if self._ended:
                # asyncio does not read any more, so an RST goes unnoticed until the next write.
                return
            if packet is Packet.RST:
                self.lose(connection_reset())
            elif packet is Packet.DATA:
                self._protocol.data_received(data)
            else:
                self._ended = True
                if not self._protocol.eof_received():
                    self.close()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """A protocol that raises loses its connection, as in CPython's `_fatal_error`."""
        if not isinstance(error, OSError):
            self.loop.call_exception_handler(
                {
                    "message": "Fatal error: the protocol raised",
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
        self._force_close(error)

    def _force_close(self, error: Exception | None) -> None:
        if not self.gone:
            self._closing = True
            self._out.discard()
            self._close_socket(error)

    def _close_socket(self, error: Exception | None) -> None:
        self._shut()
        self.loop.call_soon(self._call_connection_lost, error, context=self.context)

    def _shut(self) -> None:
        """FIN, or RST if something is unread: the kernel tells the peer that it was not heard."""
        self.gone = True
        if self._sock.resets_on_close or self.unread_bytes:
            self._out.reset()
        else:
            self._out.finish()
        self._forget_unread()

    def _forget_unread(self) -> None:
        self._inbox.clear()
        self.unread_bytes = 0

    def _call_connection_lost(self, error: Exception | None) -> None:
        try:
            if self._protocol is not None:
                self._protocol.connection_lost(error)
        finally:
            self._forget()

    def _forget(self) -> None:
        """Neither the network nor the host knows it any more."""
        if not self._forgotten:
            self._forgotten = True
            if self._host is not None:
                del self._host.sockets[self]
            self._on_gone(self)


def connection_reset() -> ConnectionResetError:
    """What a program sees of an RST."""
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def broken_pipe() -> BrokenPipeError:
    """What a program sees of an RST that came after a FIN."""
    return BrokenPipeError(errno.EPIPE, "Broken pipe")
