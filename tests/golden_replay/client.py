"""The client's side of a replay: plain sockets that note everything that comes."""

from __future__ import annotations

import ast
import asyncio
import base64
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import h11
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from harness.protocol import PHX_JOIN, Message, codec_for
from tests.golden_replay.transcript import LOST, Frame, answer, closed, pushed

_CLOSE_TIMEOUT_S = 5.0
"""How long the recorder waited for the server after it had closed."""
_OPEN_TIMEOUT_S = 30.0
_HTTP_TIMEOUT_S = 30.0
_NO_CODE = 1005

Note = Callable[[Frame], None]


class NoAnswer(Exception):
    """The server did not answer as a server does; says how."""


@dataclass
class Socket:
    """One WebSocket of the recorded client, and what it must remember to build frames."""

    wire: ClientConnection
    vsn: str
    note: Note
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    dropped: bool = False
    """We broke the connection: what becomes of it says nothing about the server."""
    _topic: str = ""
    _join_ref: Any = None
    _ref: int = 0

    @classmethod
    async def open(
        cls, uri: str, address: tuple[str, int], headers: Mapping[str, str], vsn: str, note: Note
    ) -> Socket | None:
        """Connect, noting the answer; None when the connection was refused."""
        host, port = address
        try:
            wire = await connect(
                uri,
                host=host,
                port=port,
                additional_headers=dict(headers),
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=None,
                max_size=None,
                max_queue=None,
                proxy=None,
            )
        except InvalidStatus as refused:
            got = refused.response
            items, body = got.headers.raw_items(), got.body.decode()
            note(answer("refused", got.status_code, got.reason_phrase, items, body))
            return None
        except (InvalidHandshake, TimeoutError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None
        except OSError as error:
            note(Frame("open_failed", type(error).__name__))
            return None
        assert wire.response is not None
        note(answer("open", wire.response.status_code, "", wire.response.headers.raw_items(), ""))
        socket = cls(wire, vsn, note)
        socket.tasks.append(asyncio.create_task(socket._read()))
        return socket

    async def send_text(self, text: str) -> None:
        """Send a recorded text frame."""
        self._remember(text)
        await self._send(text)

    async def send_binary(self, recorded: str) -> None:
        """Send a recorded binary frame."""
        await self._send(base64.b64decode(recorded))

    async def send_raw_text(self, data: bytes) -> None:
        """Send bytes in a text frame, whatever they are."""
        try:
            await self.wire.send(data, text=True)
        except ConnectionClosed:
            return

    async def broadcast(self, size: int) -> None:
        """A broadcast on the joined topic, with the next ref and `size` characters."""
        payload = {"type": "broadcast", "event": "x", "payload": {"d": "x" * size}}
        self._ref += 1
        message = Message(self._topic, "broadcast", payload, str(self._ref), self._join_ref)
        await self._send(codec_for(self.vsn).encode(message, sender="client"))

    async def ping(self, data: bytes) -> None:
        """A WebSocket ping; its pong is noted when it comes."""
        pong = await self.wire.ping(data)
        self.tasks.append(asyncio.create_task(self._hear(pong)))

    def close(self, code: int, reason: str) -> None:
        """Start to close."""
        # The relay of the recordings passed a close without a code on as 1000.
        code = 1000 if code == _NO_CODE else code
        self.tasks.append(asyncio.create_task(self.wire.close(code, reason)))

    def abort(self) -> None:
        """Break the connection off (TCP reset)."""
        self.dropped = True
        self.wire.transport.abort()

    async def drop(self) -> None:
        """The replay is over: nothing is noted any more."""
        self.abort()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _send(self, frame: str | bytes) -> None:
        try:
            await self.wire.send(frame)
        except ConnectionClosed:
            return  # Whether it should be open is seen by its close frame.

    def _remember(self, text: str) -> None:
        message = pushed(text)
        if message is None:
            return
        if message.event == PHX_JOIN:
            self._topic, self._join_ref = str(message.topic), message.join_ref
        if str(message.ref).isdecimal():
            self._ref = int(message.ref)

    async def _read(self) -> None:
        try:
            while True:
                frame = await self.wire.recv()
                if isinstance(frame, str):
                    self.note(Frame("text", frame))
                else:
                    self.note(Frame("binary", frame.decode("latin-1")))
        except ConnectionClosed as end:
            if end.rcvd is not None:
                by = "server" if end.rcvd_then_sent else "client"
                self.note(closed(int(end.rcvd.code), end.rcvd.reason, by))
            elif end.sent is None and not self.dropped:
                self.note(closed(LOST, "", "tcp"))

    async def _hear(self, pong: Any) -> None:
        try:
            await pong
        except ConnectionClosed:
            return
        self.note(Frame("pong", ""))


async def call(address: tuple[str, int], host: str, request: Mapping[str, Any], note: Note) -> None:
    """Make a recorded HTTP call, as the recorder's library made it, and note the answer."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from None
    try:
        async with asyncio.timeout(_HTTP_TIMEOUT_S):
            writer.write(_request(host, request))
            note(await _answer(reader))
    except (h11.RemoteProtocolError, TimeoutError, OSError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from None
    finally:
        writer.close()


def _request(host: str, request: Mapping[str, Any]) -> bytes:
    body = _body(request.get("body"))
    headers = {
        "Host": host,
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Connection": "keep-alive",
    }
    if body:
        headers["Content-Length"] = str(len(body))
        headers["Content-Type"] = "application/json"
    recorded = {str(name).title(): value for name, value in (request["headers"] or {}).items()}
    sender = h11.Connection(h11.CLIENT)
    head = h11.Request(
        method=request["method"],
        target=request["path"],
        headers=list({**headers, **recorded}.items()),
    )
    parts = [sender.send(head), sender.send(h11.Data(data=body)), sender.send(h11.EndOfMessage())]
    return b"".join(part or b"" for part in parts)


def _body(recorded: Any) -> bytes:
    if recorded is None:
        return b""
    if not isinstance(recorded, str):
        return json.dumps(recorded, separators=(",", ":")).encode()
    # The recorder wrote bytes as Python does.
    data = ast.literal_eval(recorded) if recorded.startswith(("b'", 'b"')) else recorded
    return data if isinstance(data, bytes) else str(data).encode()


async def _answer(reader: asyncio.StreamReader) -> Frame:
    receiver = h11.Connection(h11.CLIENT)
    receiver.send(h11.Request(method="GET", target="/", headers=[("Host", "answered")]))
    receiver.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = b""
    while True:
        event = receiver.next_event()
        if event is h11.NEED_DATA:
            receiver.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
    assert head is not None
    headers = [(name.decode(), value.decode()) for name, value in head.headers]
    if dict(headers).get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return answer("http", head.status_code, "", headers, body.decode(errors="replace"))
