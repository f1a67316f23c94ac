"""Plays the client's part of a case against a target, at the recorded times."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.golden_replay.client import NoAnswer, Socket, call
from tests.golden_replay.compare import Difference
from tests.golden_replay.target import Target, Unable
from tests.golden_replay.tokens import Mover, anon_key, is_signed
from tests.golden_replay.transcript import HTTP, Arrival, Arrivals, Case, Frame, Line, place

_PATIENCE_S = 0.3
_STEP_S = 0.001
_ACTION_S_MAX = 0.2
"""How long an action took at most before its line was written: its effects may stand before it."""
_LISTEN_ON_S = 1.0
_HOST = "realtime-dev.localhost:54321"
"""The recorded server, named where a transcript leaves it out."""
_GATEWAY = "localhost"
"""What a client that knows only the gateway calls it."""
_BROADCAST = re.compile(r'<broadcast with payload\.d = "x"\*(\d+)>')
_RAW = re.compile(r"<raw frame: opcode text, payload ((?:[0-9a-f]{2} ?)+)>")
_LONGPOLL_TOKEN = re.compile(r'"token":"(SFMyNTY[\w.-]+)"')


@dataclass
class Player:
    """One replay of one case."""

    case: Case
    target: Target
    arrivals: Arrivals = field(default_factory=dict)
    failures: list[Difference] = field(default_factory=list)
    """The steps that could not be done."""
    _sockets: dict[str, Socket] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    """The long-polling tokens of the recording, and what they are called now."""
    _mover: Mover = field(default=Mover(0))
    _started_s: float = 0.0
    _seen: int = 0
    _missing: int = 0

    async def play(self) -> Arrivals:
        """Play it; returns what the server sent, by connection."""
        await self._set_clock()
        loop = asyncio.get_running_loop()
        expected = 0
        for number, line in enumerate(self.case.lines, 1):
            await asyncio.sleep(self._started_s + line["t"] - loop.time())
            if line["dir"] == "client" or line["kind"] in _EVENTS:
                await self._catch_up(expected if line["dir"] == "client" else self._settled(line))
                await self._step(number, line)
            expected += line["dir"] == "server"
        await asyncio.sleep(_LISTEN_ON_S)
        for socket in self._sockets.values():
            await socket.drop()
        return self.arrivals

    async def _set_clock(self) -> None:
        """Begin at the recorded fraction of a second, so that tokens move by whole seconds."""
        late_s = (self.case.started_s - self.target.now_s()) % 1.0
        if late_s > _STEP_S and 1.0 - late_s > _STEP_S:
            await asyncio.sleep(late_s)
        self._mover = Mover(round(self.target.now_s() - self.case.started_s))
        self._started_s = asyncio.get_running_loop().time()

    def _settled(self, line: Line) -> int:
        """How many frames had come for certain before an action began."""
        return sum(
            other["dir"] == "server" and other["t"] < line["t"] - _ACTION_S_MAX
            for other in self.case.lines
        )

    async def _catch_up(self, expected: int) -> None:
        """Wait, for a moment, for what the recorded client had seen before it went on."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _PATIENCE_S
        while self._seen + self._missing < expected and loop.time() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(_STEP_S)
        # What did not come now is not waited for again.
        self._missing = max(self._missing, expected - self._seen)

    async def _step(self, number: int, line: Line) -> None:
        try:
            if line["dir"] == "client":
                await self._send(line)
            else:
                await self._do(line)
        except (Unable, NoAnswer) as error:
            what = f"{line['kind']} {json.dumps(line['data'])}"
            self.failures.append(
                Difference(number, place(line), what, f"{type(error).__name__}: {error}")
            )

    async def _send(self, line: Line) -> None:
        conn, data = place(line), line["data"]
        if line["kind"] == "open":
            await self._open(line)
            return
        if line["kind"] == "http":
            await self._call(line)
            return
        socket = self._sockets.get(conn)
        if socket is None:
            raise Unable("the connection was refused")
        match line["kind"]:
            case "text":
                await self._send_text(socket, data)
            case "binary":
                await socket.send_binary(data)
            case "ping":
                await socket.ping(data.encode() if isinstance(data, str) else b"")
            case "close":
                socket.close(data["code"], data["reason"])
            case kind:
                raise Unable(f"no client does {kind!r}")

    async def _send_text(self, socket: Socket, data: str) -> None:
        if described := _BROADCAST.fullmatch(data):
            await socket.broadcast(int(described[1]))
        elif described := _RAW.fullmatch(data):
            await socket.send_raw_text(bytes.fromhex(described[1]))
        elif data.startswith("<"):
            raise Unable("nobody knows how to build this frame")
        else:
            await socket.send_text(self._mover.move(data))

    async def _open(self, line: Line) -> None:
        conn, uri = place(line), self._mover.move(line["data"])
        if uri.startswith("/"):
            uri = f"ws://{_GATEWAY}{uri}"
        headers = self._left_out(conn, uri)
        vsn = parse_qs(urlsplit(uri).query).get("vsn", ["1.0.0"])[0]
        address = self.target.host, self.target.port
        socket = await Socket.open(
            uri, address, headers, vsn, lambda frame: self._note(conn, frame)
        )
        if socket is not None:
            self._sockets[conn] = socket

    def _left_out(self, conn: str, uri: str) -> Mapping[str, str]:
        """The request headers that a transcript leaves out and that its answer proves.

        Who was let in without a key in the query had it in the header; whose good key in the query
        was called no token had a bad one in the header, which wins.
        """
        key = parse_qs(urlsplit(uri).query).get("apikey", [""])[0]
        recorded = self.case.expected.get(conn, [])
        answered = recorded[0].frame if recorded else Frame("", "")
        if not key and answered.kind == "open":
            return {"x-api-key": anon_key(self.target.now_s())}
        if is_signed(key) and "The token provided is not a valid JWT" in answered.body:
            return {"x-api-key": "not-a-jwt"}
        return {}

    async def _call(self, line: Line) -> None:
        text = self._mover.move(json.dumps(line["data"]))
        for recorded, now in self._tokens.items():
            text = text.replace(recorded, now)
        at = len(self.arrivals.get(HTTP, []))
        address = self.target.host, self.target.port
        await call(address, _HOST, json.loads(text), lambda frame: self._note(HTTP, frame))
        self._learn(at)

    def _learn(self, at: int) -> None:
        """Remember what the recorded long-polling token is called now."""
        recorded = self.case.expected.get(HTTP, [])
        if at < len(recorded):
            then = _LONGPOLL_TOKEN.search(recorded[at].frame.body)
            now = _LONGPOLL_TOKEN.search(self.arrivals[HTTP][at].frame.body)
            if then is not None and now is not None:
                self._tokens[then[1]] = now[1]

    def _note(self, conn: str, frame: Frame) -> None:
        elapsed_s = asyncio.get_running_loop().time() - self._started_s
        self.arrivals.setdefault(conn, []).append(Arrival(elapsed_s, frame))
        self._seen += 1

    async def _do(self, line: Line) -> None:
        data = line["data"]
        match line["kind"]:
            case "sql":
                await self.target.sql(self._mover.move(data))
            case "tenant_update":
                await self.target.tenant_update(data)
            case "action":
                await self._act(line, str(data["do"]))

    async def _act(self, line: Line, do: str) -> None:
        if not do.startswith("client_"):
            await self.target.action(do, line["data"])
            return
        socket = self._sockets.get(place(line))
        if socket is None:
            raise Unable("the connection was refused")
        match do:
            case "client_abort":
                socket.abort()
            case "client_stop_reading":
                socket.wire.transport.pause_reading()
            case "client_read_again":
                socket.wire.transport.resume_reading()
            case "client_burst":
                for _ in range(line["data"]["broadcasts"]):
                    await socket.broadcast(line["data"]["bytes"])
            case _:
                raise Unable(f"no client does {do!r}")


_EVENTS = ("sql", "tenant_update", "action")
