"""A scripted server over real sockets: its n-th connection is treated as the n-th line says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from harness.manager import Config, ReconnectLadder, RejoinLadder
from harness.protocol import V2, Kind, Message, UserBroadcast

QUICK = Config(
    reconnect=ReconnectLadder(first_s=0.02, drain_s=0.04, ladder_s=(0.02, 0.04)),
    rejoin=RejoinLadder(ladder_s=(0.02,), limited_s=0.04),
    stable_after_s=0.01,
    open_timeout_s=2.0,
    join_timeout_s=2.0,
)
"""The production settings with short waits; heartbeats stay as rare as they are."""

LIVELY = Config(
    heartbeat_interval_s=0.2,
    heartbeat_timeout_s=0.1,
    join_timeout_s=0.15,
    reconnect=QUICK.reconnect,
    rejoin=QUICK.rejoin,
)
"""With quick heartbeats as well."""


async def polite(peer: ScriptedPeer) -> None:
    """Answer as the real server does."""
    async for message in peer:
        await peer.answer(message)


async def mute(peer: ScriptedPeer) -> None:
    """Read everything, answer nothing; WebSocket pings are answered all the same."""
    async for _ in peer:
        pass


async def reset(peer: ScriptedPeer) -> None:
    """End the TCP connection without a word."""
    peer.connection.transport.abort()


async def deaf(peer: ScriptedPeer) -> None:
    """Answer the join; then neither read nor write any more, as a black hole would."""
    async for message in peer:
        await peer.answer(message)
        if message.event == "phx_join":
            peer.connection.transport.pause_reading()


def closing(code: int) -> Script:
    """Close at once with a code."""

    async def script(peer: ScriptedPeer) -> None:
        await peer.connection.close(code)

    return script


def refusing(status: int, body: str = "", **headers: str) -> Response:
    """Answer the handshake with an HTTP status."""
    phrase = HTTPStatus(status).phrase
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    named += [("Content-Length", str(len(body))), ("Connection", "close")]
    return Response(status, phrase, Headers(named), body.encode())


class ScriptedPeer:
    """One connection of a client, as the server sees it."""

    def __init__(self, server: ScriptedServer, connection: ServerConnection) -> None:
        self._server = server
        self.connection = connection

    async def __aiter__(self) -> AsyncIterator[Message]:
        """What the client writes."""
        async for frame in self.connection:
            message = V2.decode(frame, sender="client")
            self._server.heard.append(message)
            yield message

    async def say(self, message: Message) -> None:
        await self.connection.send(V2.encode(message, sender="server"))

    async def answer(self, message: Message, status: str = "ok", **response: Any) -> None:
        if message.event == "access_token":
            return
        reply = {"status": status, "response": response}
        await self.say(Message(message.topic, "phx_reply", reply, message.ref, message.join_ref))
        if message.event == "phx_leave":
            ref = message.join_ref
            await self.say(Message(message.topic, "phx_close", {}, ref, ref))

    async def broadcast(self, topic: str, event: str, data: bytes) -> None:
        payload = UserBroadcast(event, data, "json")
        await self.say(Message(topic, "broadcast", payload, kind=Kind.USER_BROADCAST))


Script = Callable[[ScriptedPeer], Awaitable[None]]
Line = Script | Response


class ScriptedServer:
    """What has been heard, and who is connected."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._server: Server | None = None
        self.url = ""
        self.attempts = 0
        self.heard: list[Message] = []
        self.peers: list[ScriptedPeer] = []

    def of(self, event: str) -> list[Message]:
        """What was heard of one event."""
        return [message for message in self.heard if message.event == event]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedServer]:
        options: dict[str, Any] = {"close_timeout": 0.1, "ping_interval": None}
        request = self._request
        async with serve(self._handle, "127.0.0.1", 0, process_request=request, **options) as one:
            port = next(iter(one.sockets)).getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/realtime/v1"
            yield self

    def _line(self) -> Line:
        return self._lines[min(self.attempts - 1, len(self._lines) - 1)]

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        line = self._line()
        return line if isinstance(line, Response) else None

    async def _handle(self, connection: ServerConnection) -> None:
        peer = ScriptedPeer(self, connection)
        self.peers.append(peer)
        line = self._line()
        assert not isinstance(line, Response)
        with contextlib.suppress(ConnectionClosed):
            await line(peer)


def scripted(*lines: Line) -> contextlib.AbstractAsyncContextManager[ScriptedServer]:
    """A server that treats its n-th connection by the n-th line, and all later by the last."""
    return ScriptedServer(lines).running()


async def eventually(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait until something holds; the bound is generous, for a machine may be slow."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - the condition is the program's own state
            await asyncio.sleep(0.005)
