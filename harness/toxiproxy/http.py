"""The HTTP shell: h11 between a socket and the API, one request at a time on each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import h11

from harness.toxiproxy.api import Answer, Api

BODY_BYTES_MAX = 1 << 20
"""A longer body is refused with 413 and the connection is closed."""
REQUEST_WITHIN_S = 15.0
"""A request that has begun must be complete by then, as with Go's server (`toxiproxy.md` §1); here
the connection is told so before it is closed."""
IDLE_TIMEOUT_S = 60.0
"""A connection is closed that asks nothing for this long, or leaves its answer unread."""
LINGER_S = 0.5
"""How long more is read, and forgotten, from who was refused in the middle of a request; as Go."""
HANDLER_TIMEOUT_S = 25.0
"""An answer that takes longer (a name that does not resolve) becomes a 503."""
TIMEOUT_PAGE = "<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>"


class RequestCounter:
    """Numbers requests over all connections of a server."""

    def __init__(self) -> None:
        self._count = 0

    def next_id(self) -> str:
        """Twenty characters, as in Toxiproxy."""
        self._count += 1
        return f"{self._count:020d}"


class HttpConnection(asyncio.Protocol):
    """Collects a request, has it answered, and starts over."""

    def __init__(
        self, api: Api, counter: RequestCounter, open_connections: dict[HttpConnection, None]
    ):
        self._api = api
        self._counter = counter
        self._open = open_connections
        self._wire = h11.Connection(h11.SERVER)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked_nothing = False
        self._refused = False
        # The client does not read its answers: no more of its requests are taken meanwhile.
        self._congested = False
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open[self] = None
        self._wait(REQUEST_WITHIN_S, self._late)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._asked_nothing:
            self._asked_nothing = False
            self._wait(REQUEST_WITHIN_S, self._late)
        self._take(data)

    def eof_received(self) -> bool:
        if self._refused:
            return False
        self._take(b"")
        return self._answering is not None

    def connection_lost(self, error: Exception | None) -> None:
        self._open.pop(self, None)
        self._transport = None
        self._stop_waiting()

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        if self._answered:
            self._next_request()

    @property
    def unsent_bytes(self) -> int:
        """Answers that the client has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def abort(self) -> None:
        """Drop the connection now."""
        if self._transport:
            self._transport.abort()

    def _take(self, data: bytes | None) -> None:
        """Take in what came, or with `None` what came while an answer was made."""
        try:
            if data is not None:
                self._wire.receive_data(data)
            self._read_events()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))

    def _read_events(self) -> None:
        """Read up to the end of one request; a pipelined one waits for the answer."""
        while self._transport is not None:
            match self._wire.next_event():
                case h11.Request() as request:
                    self._request = request
                    self._body.clear()
                case h11.Data(data=data):
                    self._body += data
                    if len(self._body) > BODY_BYTES_MAX:
                        return self._refuse(413, f"body over {BODY_BYTES_MAX} bytes")
                case h11.EndOfMessage():
                    self._begin_answer()
                case h11.ConnectionClosed():
                    return self._close()
                case _:  # h11.NEED_DATA or h11.PAUSED
                    return self._invite()
        return None

    def _invite(self) -> None:
        if self._wire.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[]))

    def _begin_answer(self) -> None:
        self._stop_waiting()
        if self._transport:
            self._transport.pause_reading()
        self._answering = self._loop.create_task(self._answer())

    async def _answer(self) -> None:
        assert self._request is not None
        method = self._request.method.decode("ascii")
        headers = dict(self._request.headers)
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_S):
                answer = await self._api.answer(
                    method,
                    self._request.target.decode("latin-1"),
                    headers.get(b"user-agent", b"").decode("latin-1"),
                    bytes(self._body),
                )
        except TimeoutError:
            answer = Answer(503, TIMEOUT_PAGE, "text/html; charset=utf-8", routed=False)
        except Exception:
            # Ours to mend. As with Go's server the client is dropped, and does not wait for ever.
            self.abort()
            raise
        self._answering = None
        if self._transport:
            self._send(answer, head=method == "HEAD")
            self._wait(IDLE_TIMEOUT_S, self.abort)
            self._answered = True
            if not self._congested:
                self._next_request()

    def _next_request(self) -> None:
        self._answered = False
        if self._wire.our_state is h11.MUST_CLOSE:
            self._close()
        else:
            self._wire.start_next_cycle()
            self._asked_nothing = True
            self._wait(IDLE_TIMEOUT_S, self.abort)
            if self._transport:
                self._transport.resume_reading()
            self._take(None)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer a broken request, if it can still be answered, and close."""
        if self._wire.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(Answer(status, reason + "\n", "text/plain; charset=utf-8", routed=False))
        self._linger()

    def _linger(self) -> None:
        """Close our end, and for a moment read what still comes: a reset would outrun the answer
        to who has not yet sent all."""
        self._refused = True
        if self._transport and not self._transport.is_closing():
            self._transport.write_eof()
            self._wait(LINGER_S, self.abort)

    def _send(self, answer: Answer, *, head: bool = False) -> None:
        body = answer.body.encode()
        headers = [*answer.headers.items()]
        if answer.content_type:
            headers.append(("Content-Type", answer.content_type))
        if answer.routed:
            headers.append(("X-Toxiproxy-Request-Id", self._counter.next_id()))
        if answer.status != HTTPStatus.NO_CONTENT and not head:
            headers.append(("Content-Length", str(len(body))))
        reason = HTTPStatus(answer.status).phrase
        self._write(h11.Response(status_code=answer.status, headers=headers, reason=reason))
        if body and not head:
            self._write(h11.Data(data=body))
        self._write(h11.EndOfMessage())

    def _write(self, event: h11.Event) -> None:
        data = self._wire.send(event)
        if data and self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport:
            self._transport.close()

    def _late(self) -> None:
        self._refuse(408, f"no complete request within {REQUEST_WITHIN_S:g} s")

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._timer = self._loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
