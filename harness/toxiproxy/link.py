"""One proxied connection: two sockets, and a chain of toxics for each direction between them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, cast

from harness.toxics import Chain, Signal, Toxic
from harness.toxiproxy.toxic_record import STREAMS, StreamName
from harness.toxiproxy.traffic import Traffic

LINGER_0 = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """One socket of a link. What it receives goes to `output`, what it sends comes by `write`."""

    __slots__ = ("_early", "_link", "_reading", "congested", "input", "lost", "output", "transport")

    def __init__(self, link: Link) -> None:
        self._link = link
        self.transport: asyncio.Transport | None = None
        self.lost = False
        # The stream that this side feeds and the one that it drains, once both ends are there.
        self.output: Stream | None = None
        self.input: Stream | None = None
        # What came before that: on some loops reading cannot be paused in `connection_made`.
        self._early: tuple[bytes | Signal, ...] = ()
        self._reading = True
        self.congested = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._link.made(self)

    def data_received(self, data: bytes) -> None:
        if self.output is not None:
            self.output.carry(data)
        else:
            self._early += (data,)

    def eof_received(self) -> bool:
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._end()
        self._link.lost()

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
        early, self._early = self._early, ()
        for item in early:
            if isinstance(item, Signal):
                output.end()
            else:
                output.carry(item)

    def set_reading(self, reading: bool) -> None:
        if not self.transport or reading == self._reading or self.transport.is_closing():
            return
        self._reading = reading
        if reading:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def shut(self) -> None:
        """FIN, after what was written; the other direction goes on."""
        if self.transport and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """FIN, after what was written, and nothing is received any more."""
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

    def _end(self) -> None:
        if self.output:
            self.output.end()
        else:
            self._early += (Signal.END,)


class Stream:
    """One direction: from a side through the toxics to the other side, driven by one timer."""

    __slots__ = ("_loop", "_sink", "_source", "_timer", "_traffic", "chain", "ended")

    def __init__(self, chain: Chain, source: Side, sink: Side, traffic: Traffic) -> None:
        self.chain = chain
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._sink = sink
        self._traffic = traffic
        self._timer: asyncio.TimerHandle | None = None
        # Everything that could pass has, or must not any more.
        self.ended = False

    def carry(self, data: bytes) -> None:
        """Take in data that the source received."""
        if self.ended:
            return
        self._traffic.received_bytes += len(data)
        if self.chain.lets_by(data):
            self._write(data)
        else:
            self.chain.feed(data, self._loop.time())
            self.pump()

    def end(self) -> None:
        """Take in that the source sends no more: it has said so, or it is lost."""
        if self.ended:
            self._finish()
        else:
            self.chain.feed(Signal.END, self._loop.time())
            self.pump()

    def pump(self) -> None:
        """Pass on what is due, and wake for what comes next. Call after the chain changed."""
        for item in self.chain.due(self._loop.time()):
            self._pass(item)
        self._wake_at(None if self.ended else self.chain.deadline())
        self.balance()

    def balance(self) -> None:
        """The source is not read while the sink is behind or the toxics hold all they may."""
        self._source.set_reading(not (self._sink.congested or self.chain.full))

    def stop(self) -> None:
        """Carry nothing any more."""
        self.ended = True
        if self._timer:
            self._timer.cancel()

    def _wake_at(self, deadline_s: float | None) -> None:
        """Most of what comes changes nothing about the time of what leaves next."""
        if self._timer:
            if self._timer.when() == deadline_s:
                return
            self._timer.cancel()
            self._timer = None
        if deadline_s is not None:
            self._timer = self._loop.call_at(deadline_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.pump()

    def _write(self, data: bytes) -> None:
        sink = self._sink.transport
        if sink is not None and not sink.is_closing():
            self._traffic.sent_bytes += len(data)
            sink.write(data)

    def _pass(self, item: bytes | Signal) -> None:
        match item:
            case bytes():
                self._write(item)
            case Signal.RESET:
                self.ended = True
                self._sink.reset()
                self._source.reset()
            case Signal.CLOSE:
                # The sink's end comes back through the other stream, behind what that holds.
                self.ended = True
                self._sink.close()
            case Signal.END:
                self.ended = True
                self._finish()

    def _finish(self) -> None:
        """The sink learns of the end. What it still has to say goes on, if someone is there."""
        back = self._sink.output
        if self._source.lost or (back is not None and back.ended):
            self._sink.close()
            self._source.close()
        else:
            self._sink.shut()


class Link:
    """A client's connection: dials the upstream, carries both streams, ends when both are gone."""

    __slots__ = ("_aborted", "_dialing", "_proxy", "_server", "_streams", "client", "number")

    def __init__(self, proxy: Hub, number: int) -> None:
        self._proxy = proxy
        self.number = number
        self._dialing: asyncio.Task[None] | None = None
        self.client = Side(self)
        self._server = Side(self)
        self._streams: tuple[Stream, ...] = ()
        self._aborted = False

    def add_toxic(self, stream: StreamName, name: str, toxic: Toxic, hit: bool) -> None:
        """Put a toxic at the end of a live stream."""
        if live := self._live(stream):
            live.chain.add(name, toxic, live_now(), hit=hit)
            if not live.chain.at_rest:
                live.pump()

    def update_toxic(self, stream: StreamName, name: str, toxic: Toxic, hit: bool) -> None:
        """Change a toxic of a live stream."""
        if live := self._live(stream):
            live.chain.update(name, toxic, live_now(), hit=hit)
            live.pump()

    def remove_toxics(self, stream: StreamName, names: Iterable[str]) -> None:
        """Take toxics out of a live stream."""
        if live := self._live(stream):
            for name in names:
                live.chain.remove(name, live_now())
            live.pump()

    def abort(self) -> None:
        """Close both sockets now, whatever they still hold. It never waits for a peer."""
        self._aborted = True
        if self._dialing:
            self._dialing.cancel()
        for stream in self._streams:
            stream.stop()
        self.client.abort()
        self._server.abort()

    def made(self, side: Side) -> None:
        """A side has its socket: the client's is followed by a dial, the server's by data."""
        if side is self.client:
            self._accepted()
        else:
            self._dialed()

    def lost(self) -> None:
        """A side has lost its socket."""
        if self.client.lost and (self._server.lost or self._server.transport is None):
            if self._dialing:
                self._dialing.cancel()
            for stream in self._streams:
                stream.stop()
            self._proxy.forget(self)

    def _live(self, stream: StreamName) -> Stream | None:
        return self._streams[STREAMS.index(stream)] if self._streams else None

    def _accepted(self) -> None:
        # The loop announces a connection one turn after it was accepted.
        if self._aborted:
            self.client.abort()
            return
        self.client.set_reading(False)
        self._dialing = self._proxy.dial(lambda: self._server)
        self._dialing.add_done_callback(self._dial_ended)

    def _dial_ended(self, dialing: asyncio.Task[None]) -> None:
        self._dialing = None
        if self._server.transport is None:
            self.client.abort()

    def _dialed(self) -> None:
        if self.client.lost or self._aborted:
            self._server.abort()
            return
        chains, traffic = self._proxy.chains(self.number), self._proxy.traffic()
        up = Stream(chains["upstream"], self.client, self._server, traffic["upstream"])
        down = Stream(chains["downstream"], self._server, self.client, traffic["downstream"])
        self._streams = (up, down)
        self._server.attach(output=down, input=up)
        self.client.attach(output=up, input=down)
        up.pump()
        down.pump()


class Hub(Protocol):
    """What a link asks of the proxy that it belongs to."""

    def dial(self, make_side: Callable[[], Side]) -> asyncio.Task[None]:
        """Reach the upstream."""

    def chains(self, number: int) -> Mapping[StreamName, Chain]:
        """The toxics for a connection."""

    def traffic(self) -> Mapping[StreamName, Traffic]:
        """Where its bytes are counted."""

    def forget(self, link: Link) -> None:
        """Both sockets are gone."""


def live_now() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()
