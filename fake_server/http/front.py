"""The front of the port: reads a request's head, then hands a WebSocket on or speaks HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from fake_server.http.exchange import Exchange, refusal
from fake_server.http.head import BrokenRequest, read_head
from fake_server.http.message import Answer, Later, Request, Response

REQUEST_TIMEOUT_S = 5.0
"""Silence before a request after which the connection is closed (`clients-under-faults.md §4`)."""
_BODY_TIMEOUT_S = 15.0
_SEND_TIMEOUT_S = 30.0
_LINGER_S = 5.0
_READ_AHEAD_BYTES_MAX = 64 * 1024


class Owner(Protocol):
    """Who is told what happens at the front, and answers."""

    def arrived(self, front: Front) -> None:
        """A TCP connection was accepted."""

    def departed(self, front: Front) -> None:
        """The TCP connection is gone, or has become a WebSocket."""

    def request_id(self) -> str:
        """A new `x-request-id`."""

    def answer(self, request: Request) -> Answer:
        """Answer a whole request."""

    def now_s(self) -> float:
        """Seconds since the epoch."""


class Front(asyncio.Protocol):
    """One TCP connection until it ends or becomes a WebSocket.

    Requests are answered one after the other. What a client sends ahead is bounded, as is the time
    for each thing that it has to do; a client that does not read its answer is dropped.
    """

    def __init__(self, owner: Owner, websocket: Callable[[], asyncio.Protocol]) -> None:
        self._owner = owner
        self._websocket = websocket
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._buffer = b""
        self._exchange: Exchange | None = None
        self._later: Later | None = None
        self._answering = False
        self._ended = False
        self._blocked = False
        self._timer: asyncio.TimerHandle | None = None

    def vanish(self) -> None:
        """Drop the connection without a word."""
        self._transport.abort()

    # What the loop tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._owner.arrived(self)
        self._wait(REQUEST_TIMEOUT_S, self._no_request)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._buffer += data
        if self._answering and len(self._buffer) > _READ_AHEAD_BYTES_MAX:
            self._transport.pause_reading()
        self._advance()

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        if not (self._ended or self._answering):
            self._wait(REQUEST_TIMEOUT_S, self._no_request)
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    # Reading.

    def _advance(self) -> None:
        """Answer as many requests as have come."""
        try:
            while not (self._answering or self._blocked or self._ended) and self._buffer:
                request = self._read()
                if request is None:
                    return
                self._answer(request)
        except BrokenRequest as broken:
            self._transport.write(refusal(broken.status))
            self._end()

    def _read(self) -> Request | None:
        if self._exchange is None:
            # Empty lines may come before a request line.
            self._buffer = self._buffer.lstrip(b"\r\n")
            head = read_head(self._buffer)
            if head is None:
                return None
            if head.is_upgrade:
                self._hand_over()
                return None
            self._exchange = Exchange(self._owner.request_id())
            self._wait(_BODY_TIMEOUT_S, self._too_slow)
        data, self._buffer = self._buffer, b""
        request = self._exchange.receive(data)
        self._transport.write(self._exchange.interim())
        return request

    def _hand_over(self) -> None:
        websocket = self._websocket()
        self._leave()
        self._transport.set_protocol(websocket)
        websocket.connection_made(self._transport)
        websocket.data_received(self._buffer)

    # Answering.

    def _answer(self, request: Request) -> None:
        self._answering = True
        answer = self._owner.answer(request)
        if isinstance(answer, Response):
            self._send(answer)
            return
        self._later = answer
        self._wait(answer.delay_s, lambda: answer.give(answer.otherwise()))
        answer.await_by(self._send_late)

    def _send_late(self, response: Response) -> None:
        if not self._ended:
            self._later = None
            self._send(response)
            self._advance()

    def _send(self, response: Response) -> None:
        assert self._exchange is not None
        self._transport.write(self._exchange.respond(response, self._owner.now_s()))
        exchange, self._exchange, self._answering = self._exchange, None, False
        if not exchange.keeps_alive:
            self._end()
            return
        self._buffer = exchange.unread + self._buffer
        self._transport.resume_reading()
        if self._blocked:
            self._wait(_SEND_TIMEOUT_S, self.vanish)
        else:
            self._wait(REQUEST_TIMEOUT_S, self._no_request)

    # Ending.

    def _no_request(self) -> None:
        """Nothing at all is ended in silence; a head that does not end is answered."""
        if b"\r\n" in self._buffer:
            self._too_slow()
        else:
            self._transport.close()

    def _too_slow(self) -> None:
        self._transport.write(refusal(408))
        self._end()

    def _end(self) -> None:
        """Send FIN and swallow what still comes, so that no RST overtakes the answer."""
        self._ended, self._buffer = True, b""
        self._transport.resume_reading()
        self._transport.write_eof()
        self._wait(_LINGER_S, self.vanish)

    def _leave(self) -> None:
        self._ended = True
        self._cancel_timer()
        if self._later is not None:
            self._later.abandoned = True
        self._owner.departed(self)

    def _wait(self, delay_s: float, then: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(delay_s, then)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
