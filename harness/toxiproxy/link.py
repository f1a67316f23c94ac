"""One proxied connection: two sockets, and a chain of toxics for each direction between them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import cast

from harness.toxics import Chain, Signal, Toxic
from harness.toxiproxy.toxic_record import StreamName

LINGER_0 = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """One socket of a link. What it receives goes to `output`, what it sends comes by `write`."""

    def __init__(self, on_connected: Callable[[Side], None], on_lost: Callable[[Side], None]):
        self._on_connected = on_connected
        self._on_lost = on_lost
        self.transport: asyncio.Transport | None = None
        self.lost = False
        # The stream that this side feeds and the one that it drains, once both ends are there.
        self.output: Stream | None = None
        self.input: Stream | None = None
        # What came before that: on some loops reading cannot be paused in `connection_made`.
        self._early: list[bytes | Signal] = []
        self._reading = True
        self.congested = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def eof_received(self) -> bool:
        self._receive(Signal.END)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._receive(Signal.END)
        self._on_lost(self)

    def pause_writing(self) -> None:
        self.congested = True
        if self.input:
            self.input.balance()

    def resume_writing(self) -> None:
        self.congested = False
        if self.input:
            self.input.balance()

    def attach(self, output: Stream, input: Stream) -> None:
        """Begin to carry; what came early goes first."""
        self.output, self.input = output, input
        early, self._early = self._early, []
        for item in early:
            output.feed(item)

    def write(self, data: bytes) -> None:
        if self.transport and not self.lost:
            self.transport.write(data)

    def set_reading(self, reading: bool) -> None:
        if not self.transport or reading == self._reading or self.transport.is_closing():
            return
        self._reading = reading
        if reading:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def close(self) -> None:
        """FIN, after what was written."""
        if self.transport:
            self.transport.close()

    def abort(self) -> None:
        """Close now; what was not sent is lost."""
        if self.transport:
            self.transport.abort()

    def reset(self) -> None:
        """RST, now."""
        if self.transport and not self.lost:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
            self.transport.abort()

    def _receive(self, item: bytes | Signal) -> None:
        if self.output:
            self.output.feed(item)
        else:
            self._early.append(item)


class Stream:
    """One direction: from a side through the toxics to the other side, driven by one timer."""

    def __init__(self, chain: Chain, source: Side, sink: Side) -> None:
        self.chain = chain
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._sink = sink
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def feed(self, item: bytes | Signal) -> None:
        """Take in what the source received."""
        if self._ended:
            return
        if self.chain.idle and isinstance(item, bytes):
            self._sink.write(item)
        else:
            self.chain.feed(item, self._loop.time())
            self.pump()

    def pump(self) -> None:
        """Pass on what is due, and wake for what comes next. Call after the chain changed."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for item in self.chain.due(self._loop.time()):
            self._pass(item)
        deadline_s = None if self._ended else self.chain.deadline()
        if deadline_s is not None:
            self._timer = self._loop.call_at(deadline_s, self.pump)
        self.balance()

    def balance(self) -> None:
        """The source is not read while the sink is behind or the toxics hold all they may."""
        self._source.set_reading(not (self._sink.congested or self.chain.full))

    def stop(self) -> None:
        """Carry nothing any more."""
        self._ended = True
        if self._timer:
            self._timer.cancel()

    def _pass(self, item: bytes | Signal) -> None:
        match item:
            case bytes():
                self._sink.write(item)
            case Signal.RESET:
                self._ended = True
                self._sink.reset()
                self._source.reset()
            case Signal.END | Signal.CLOSE:
                # The sink's end comes back through the other stream and closes the source
                # (`toxiproxy.md` §2.1): a half-close is not carried.
                self._ended = True
                self._sink.close()


class Link:
    """A client's connection: dials the upstream, carries both streams, ends when both are gone."""

    def __init__(
        self,
        dial: Callable[[Callable[[], Side]], asyncio.Task[None]],
        make_chains: Callable[[], Mapping[StreamName, Chain]],
        on_gone: Callable[[Link], None],
    ) -> None:
        self._dial = dial
        self._make_chains = make_chains
        self._on_gone = on_gone
        self._dialing: asyncio.Task[None] | None = None
        self.client = Side(self._accepted, self._lost)
        self._server = Side(self._dialed, self._lost)
        self._streams: dict[StreamName, Stream] = {}
        self._aborted = False

    def add_toxic(self, stream: StreamName, name: str, toxic: Toxic, hit: bool) -> None:
        """Put a toxic at the end of a live stream."""
        if live := self._streams.get(stream):
            live.chain.add(name, toxic, live_now(), hit=hit)
            live.pump()

    def update_toxic(self, stream: StreamName, name: str, toxic: Toxic, hit: bool) -> None:
        """Change a toxic of a live stream."""
        if live := self._streams.get(stream):
            live.chain.update(name, toxic, live_now(), hit=hit)
            live.pump()

    def remove_toxic(self, stream: StreamName, name: str) -> None:
        """Take a toxic out of a live stream."""
        if live := self._streams.get(stream):
            live.chain.remove(name, live_now())
            live.pump()

    def abort(self) -> None:
        """Close both sockets now, whatever they still hold. It never waits for a peer."""
        self._aborted = True
        if self._dialing:
            self._dialing.cancel()
        for stream in self._streams.values():
            stream.stop()
        self.client.abort()
        self._server.abort()

    def _accepted(self, client: Side) -> None:
        # The loop announces a connection one turn after it was accepted.
        if self._aborted:
            client.abort()
            return
        client.set_reading(False)
        self._dialing = self._dial(lambda: self._server)
        self._dialing.add_done_callback(self._dial_ended)

    def _dial_ended(self, dialing: asyncio.Task[None]) -> None:
        self._dialing = None
        if self._server.transport is None:
            self.client.abort()

    def _dialed(self, server: Side) -> None:
        if self.client.lost or self._aborted:
            server.abort()
            return
        chains = self._make_chains()
        up = Stream(chains["upstream"], self.client, server)
        down = Stream(chains["downstream"], server, self.client)
        self._streams = {"upstream": up, "downstream": down}
        server.attach(output=down, input=up)
        self.client.attach(output=up, input=down)
        up.pump()
        down.pump()

    def _lost(self, side: Side) -> None:
        if self.client.lost and (self._server.lost or self._server.transport is None):
            if self._dialing:
                self._dialing.cancel()
            for stream in self._streams.values():
                stream.stop()
            self._on_gone(self)


def live_now() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()
