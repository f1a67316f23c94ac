"""Long polling: a session that outlives its requests, in place of a WebSocket (Phoenix's own)."""

from __future__ import annotations

import asyncio
import random
from base64 import b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from fake_server.handshake import Admission, Refusal, Upgrade
from fake_server.http import UNCACHED, Answer, Later, Request, Response, json_response, words

_WINDOW_S = 10.0
"""How long a poll waits for something to tell, and each pushed message for a blocked session."""
_INACTIVE_S = 15.0
_LOST = 1006
_HEADERS = {"access-control-allow-origin": "*", "cache-control": "no-store"}
_ADDRESS = "/socket/websocket"
_TEXT = 0x81
_TOKEN_PARTS_BYTES = (132, 32)
_LINES = "application/x-ndjson"
_PUSH = 0
"""The only kind of binary message that a client can send here (`protocol.md §1.5`)."""


class Owner(Protocol):
    """Who lets sessions in, and is told what happens in them (as by a `wire.Wire`)."""

    def admit(self, upgrade: Upgrade) -> Admission:
        """Check who wants a session; raises `Refusal`."""

    def opened(self, wire: Session, admission: Admission) -> None:
        """A session begins: give it its number, and say what it is greeted with."""

    def received(self, wire: Session, frame: str | bytes) -> None:
        """A message came in, and the session is not blocked."""

    def unblocked(self, wire: Session) -> None:
        """The time of a block is over."""

    def overflowed(self, wire: Session, waiting_bytes: int) -> None:
        """More waits to be polled than the bound allows."""

    def ended(self, wire: Session, code: int, by: str) -> None:
        """Nobody has polled for too long, or the session was ended."""


class Session:
    """What stands for one client between its polls; while it is blocked, it neither takes nor
    tells anything."""

    def __init__(self, owner: Owner, token: str, bytes_max: int) -> None:
        self.conn = 0
        self.token = token
        self.frames_in = self.frames_out = 0
        self.ended = False
        self._owner = owner
        self._bytes_max = bytes_max
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Callable[[], None]] = deque()
        self._outbox: list[str] = []
        self._held: list[bytes] = []
        self._waiting_bytes = 0
        self._listener: Later | None = None
        self._block_timer: asyncio.TimerHandle | None = None
        self._frozen = False
        self._polled_s = self._loop.time()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._inactive = self._loop.call_later(_INACTIVE_S, self._watch)

    # What the client asks.

    def poll(self) -> Later:
        """What there is to tell, as soon as there is something; nothing after the window."""
        self._polled_s = self._loop.time()
        later = Later(_WINDOW_S, lambda: self._told(204, []))
        self.when_unblocked(partial(self._listen, later))
        return later

    def push(self, frames: list[str | bytes]) -> Later:
        """Take messages one after the other; answered when the last of them was taken, or with 408
        when one has waited for the whole window: those behind it are dropped."""
        batch = _Batch(len(frames), self._loop)
        for frame in frames:
            self.when_unblocked(partial(self._take, batch, frame))
        self.when_unblocked(lambda: batch.answer.give(_status(200)))
        return batch.answer

    # What the server wants (as of a `wire.Wire`).

    def write(self, data: bytes) -> None:
        """Keep a frame until it is polled. Stock serialisers know no binary broadcasts."""
        if self.ended or self._frozen or data[0] != _TEXT:
            return
        self.frames_out += 1
        self._waiting_bytes += len(data)
        if self._block_timer is not None:
            self._held.append(data)
        else:
            self._outbox.append(_payload(data))
            self._loop.call_soon(self._tell)
        if self._waiting_bytes > self._bytes_max:
            self._owner.overflowed(self, self._waiting_bytes)

    def when_unblocked(self, act: Callable[[], None]) -> None:
        """Do this after what came in before, and not while the session is blocked."""
        self._inbox.append(act)
        self._hand_over()

    def block(self, delay_s: float) -> None:
        """Neither take nor tell anything for a while."""
        self._block_timer = self._loop.call_later(delay_s, self._unblock)

    def freeze(self) -> None:
        """Neither take nor tell anything ever again."""
        self._frozen = True

    def drop_held(self) -> None:
        """Forget what waits to be told; the session ends."""
        self._held = []

    def hang_up(self, code: int) -> None:
        """End the session; there is no frame that could carry the code."""
        self.vanish()

    def vanish(self) -> None:
        """End the session: its token is not known any more."""
        if not self.ended:
            self.ended = True
            self._inactive.cancel()
            if self._block_timer is not None:
                self._block_timer.cancel()
            self._closed.set_result(None)
            self._owner.ended(self, _LOST, "server")

    async def wait_closed(self) -> None:
        """Wait until the session has ended."""
        await asyncio.shield(self._closed)

    def _take(self, batch: _Batch, frame: str | bytes) -> None:
        if batch.admits():
            self.frames_in += 1
            self._owner.received(self, frame)

    def _hand_over(self) -> None:
        while self._inbox and not (self._block_timer or self._frozen or self.ended):
            self._inbox.popleft()()

    def _unblock(self) -> None:
        self._block_timer = None
        self._owner.unblocked(self)
        held, self._held = self._held, []
        for data in held:
            self._waiting_bytes -= len(data)
            self.frames_out -= 1
            self.write(data)
        self._hand_over()

    def _listen(self, later: Later) -> None:
        self._listener = later
        self._tell()

    def _tell(self) -> None:
        """What a client that has gone cannot hear is kept for its next poll."""
        if self._listener is None or not self._outbox or self.ended:
            return
        listener, self._listener = self._listener, None
        if not listener.abandoned and not listener.answered:
            messages, self._outbox, self._waiting_bytes = self._outbox, [], 0
            listener.give(self._told(200, messages))

    def _told(self, status: int, messages: list[str]) -> Response:
        return _status(status, messages=messages, token=self.token)

    def _watch(self) -> None:
        if self._loop.time() - self._polled_s > _INACTIVE_S:
            self.vanish()
        else:
            self._inactive = self._loop.call_later(_INACTIVE_S, self._watch)


class _Batch:
    """The messages of one request: each has the window to be taken in."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.answer = Later(_WINDOW_S * (size + 1), lambda: _status(408))
        self._loop = loop
        self._taken_s = loop.time()
        self._is_over = False
        loop.call_later(_WINDOW_S, self._watch)

    def admits(self) -> bool:
        """Whether the next message is taken: the one that waited too long still is, no other."""
        admitted, self._is_over = not self._is_over, self.answer.answered
        self._taken_s = self._loop.time()
        return admitted

    def _watch(self) -> None:
        due_s = self._taken_s + _WINDOW_S
        if self.answer.answered:
            return
        if due_s <= self._loop.time():
            self.answer.give(_status(408))
        else:
            self._loop.call_at(due_s, self._watch)


class LongPolling:
    """The sessions of a server, by their tokens."""

    def __init__(self, owner: Owner, rng: random.Random, bytes_max: int) -> None:
        self._owner = owner
        self._rng = rng
        self._bytes_max = bytes_max
        self._sessions: dict[str, Session] = {}

    def answer(self, request: Request, now_s: float) -> Answer:
        """Answer a request to `/socket/longpoll`."""
        session = self._sessions.get(request.query.get("token", ""))
        match request.method, session:
            case "OPTIONS", _:
                return _preflight(request)
            case "GET", None:
                return self._begin(request)
            case "GET", Session():
                return session.poll()
            case "POST", None:
                return _status(410)
            case "POST", Session():
                return _pushed(session, request)
            case _:
                return Response(400, _HEADERS)

    def forget(self, session: Session) -> None:
        """A session has ended."""
        self._sessions.pop(session.token, None)

    def stop(self) -> None:
        """End them all."""
        for session in list(self._sessions.values()):
            session.vanish()

    def _begin(self, request: Request) -> Answer:
        upgrade = replace(Upgrade.of(request.target, request.headers), path=_ADDRESS)
        try:
            admission = self._owner.admit(upgrade)
        except Refusal as refusal:
            return Later(refusal.delay_s, lambda: _status(403))
        session = Session(self._owner, self._token(), self._bytes_max)
        self._sessions[session.token] = session
        self._owner.opened(session, admission)
        return _status(410, messages=[], token=session.token)

    def _token(self) -> str:
        """A name that nobody guesses, in the shape of one of Phoenix."""
        parts = (urlsafe_b64encode(self._rng.randbytes(size)) for size in _TOKEN_PARTS_BYTES)
        return ".".join(["SFMyNTY", *(part.decode().rstrip("=") for part in parts)])


def _status(status: int, **more: Any) -> Response:
    """The status is in the body; that of HTTP is always 200."""
    body: Mapping[str, Any] = {"status": status, **more}
    return json_response(200, dict(sorted(body.items())), _HEADERS)


def _preflight(request: Request) -> Response:
    asked = request.headers.get("access-control-request-headers", "")
    allowed = {
        "access-control-allow-headers": asked,
        "access-control-allow-methods": "get, post, options",
        "access-control-max-age": "3600",
    }
    return Response(200, {**_HEADERS, **allowed})


def _pushed(session: Session, request: Request) -> Answer:
    try:
        frames = _frames(request)
    except ValueError:
        return words(HTTPStatus.BAD_REQUEST).with_headers(UNCACHED)
    return session.push(frames)


def _frames(request: Request) -> list[str | bytes]:
    """The messages in a request; raises `ValueError` for a line that is none of the two forms."""
    if request.headers.get("content-type") != _LINES:
        return [request.body.decode(errors="surrogateescape")]
    return [_frame(line.removesuffix(b"\r")) for line in request.body.split(b"\n")]


def _frame(line: bytes) -> str | bytes:
    """What begins like a message of version 2 is text, everything else a binary one in base64."""
    if line.startswith(b"["):
        return line.decode(errors="surrogateescape")
    data = b64decode(line, validate=True)
    # The stock serialiser knows no broadcasts of users: dropped as junk is.
    return data if data[:1] == bytes([_PUSH]) else b""


def _payload(data: bytes) -> str:
    """What is in an unmasked frame that is whole (`wire.framed`)."""
    head = {126: 4, 127: 10}.get(data[1], 2)
    return data[head:].decode(errors="replace")
