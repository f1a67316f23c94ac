"""Replays a recorded case against a running server and tells what came back on each connection.

The client's lines are sent at their recorded times, which cost nothing in virtual time. What varies
from run to run is normalised as `tests/golden/README.md` says, and nothing else is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from tests.fake_server.http_client import ask

GOLDEN = Path(__file__).parent.parent / "golden" / "supabase"
_TOKEN = re.compile(r"eyJ[\w-]+\.([\w-]+)\.[\w-]*")
_VARYING_HEADERS = ("date", "sec-websocket-accept", "x-request-id")
_PATIENCE_MS = 300
_CLOSE_TIMEOUT_S = 5.0
"""How long the recorder waited for the server after it had closed."""
_PHX_REF = re.compile(r'"phx_ref(_prev)?": "([\w-]{16})"')
_RACE_S = 0.02
"""How close together what races comes; what the client does next comes later."""
_HTTP = ""
"""The place of plain HTTP answers among the connections."""

Seen = tuple[float, tuple[Any, ...]]
"""When something came from the server, and what."""


@dataclass(frozen=True)
class Case:
    """One transcript."""

    name: str

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        """Its lines, in order."""
        path = GOLDEN / f"{self.name}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    @property
    def started_s(self) -> float:
        """When it was recorded: the newest of the answers' dates and of the tokens' birthdays."""
        dates = [
            parsedate_to_datetime(value).timestamp() - float(line["t"])
            for line in self.lines
            if line["dir"] == "server" and isinstance(line["data"], dict)
            for name, value in line["data"].get("headers", ())
            if name == "date"
        ]
        return max(dates + [_issued_s(body) for body in _TOKEN.findall(json.dumps(self.lines))])

    def expected(self) -> dict[str, list[Seen]]:
        """What the real server sent, by connection."""
        found: dict[str, list[Seen]] = {}
        for line in self.lines:
            if line["dir"] == "server":
                found.setdefault(line.get("conn", _HTTP), []).append((line["t"], _recorded(line)))
        return _comparable(found)


def _issued_s(body: str) -> float:
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return float(claims.get("iat", 0))


def _recorded(line: dict[str, Any]) -> tuple[Any, ...]:
    data = line["data"]
    match line["kind"]:
        case "text":
            return "text", comparable(data)
        case "binary":
            return "binary", base64.b64decode(data)
        case "close":
            return "close", data["code"], data["reason"]
        case _:
            return (
                "http",
                data["status"],
                _comparable_headers(data["headers"]),
                data.get("body", ""),
            )


def comparable(text: str) -> str:
    """A text frame with its keys in their order and its numbers in one notation."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return text


def _comparable_headers(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers if name.lower() not in _VARYING_HEADERS}


def _comparable(seen: dict[str, list[Seen]]) -> dict[str, list[Seen]]:
    return _rename_refs(_rename_ids({conn: _settled(frames) for conn, frames in seen.items()}))


def _settled(frames: list[Seen]) -> list[Seen]:
    """The reply to a presence push before the diff that it causes: a race, both orders are seen."""
    settled = list(frames)
    for place in range(1, len(settled)):
        (diff_s, diff), (reply_s, reply) = settled[place - 1 : place + 1]
        follows = place + 1 < len(settled) and _is_event(settled[place + 1][1], "presence_diff")
        races = _is_event(diff, "presence_diff") and _is_event(reply, "phx_reply") and not follows
        if races and reply_s - diff_s < _RACE_S:
            settled[place - 1 : place + 1] = [(diff_s, reply), (reply_s, diff)]
    return settled


def _is_event(frame: tuple[Any, ...], event: str) -> bool:
    return frame[0] == "text" and f'"{event}"' in frame[1]


def _rename_refs(seen: dict[str, list[Seen]]) -> dict[str, list[Seen]]:
    """Number the references of presence in the order in which they first appear."""
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        name = names.setdefault(match[2], f"ref {len(names)}")
        return f'"phx_ref{match[1] or ""}": "{name}"'

    return {
        conn: [
            (t, tuple(_PHX_REF.sub(rename, x) if kind[0] == "text" else x for x in kind))
            for t, kind in frames
        ]
        for conn, frames in seen.items()
    }


def _rename_ids(seen: dict[str, list[Seen]]) -> dict[str, list[Seen]]:
    """Number the ids of postgres_changes in the order in which they first appear."""
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f'{{"id": "binding {len(names)}"')

    return {
        conn: [
            (t, tuple(re.sub(r'\{"id": \d+', rename, x) if kind[0] == "text" else x for x in kind))
            for t, kind in frames
        ]
        for conn, frames in seen.items()
    }


@dataclass
class Replay:
    """Plays the client's part of one case against `host:port`."""

    case: Case
    host: str
    port: int
    headers: Mapping[str, str]
    _sockets: dict[str, ClientConnection] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _seen: dict[str, list[Seen]] = field(default_factory=dict)
    _started_s: float = 0.0

    async def run(self) -> dict[str, list[Seen]]:
        """Play it; returns what the server sent, by connection."""
        loop = asyncio.get_running_loop()
        self._started_s = loop.time()
        for number, line in enumerate(self.case.lines):
            await asyncio.sleep(self._started_s + line["t"] - loop.time())
            if line["dir"] == "client":
                await self._catch_up(number)
                await self._act(line)
        await asyncio.gather(*self._tasks)
        return _comparable(self._seen)

    async def _catch_up(self, number: int) -> None:
        """Wait, for a moment, for what the recorded client had seen before it went on."""
        before = [line for line in self.case.lines[:number] if line["dir"] == "server"]
        for _ in range(_PATIENCE_MS):
            if sum(map(len, self._seen.values())) >= len(before):
                return
            await asyncio.sleep(0.001)

    async def _act(self, line: dict[str, Any]) -> None:
        conn, data = line.get("conn", _HTTP), line["data"]
        match line["kind"]:
            case "open":
                await self._open(conn, data)
            case "text":
                text = self._built(data) if data.startswith("<") else data
                await self._sockets[conn].send(text)
            case "binary":
                await self._sockets[conn].send(base64.b64decode(data))
            case "close":
                self._start(self._sockets[conn].close(data["code"], data["reason"]))
            case "http":
                await self._get(data)

    def _start(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _note(self, conn: str, *what: Any) -> None:
        elapsed_s = asyncio.get_running_loop().time() - self._started_s
        self._seen.setdefault(conn, []).append((elapsed_s, what))

    async def _open(self, conn: str, uri: str) -> None:
        dialling = connect(
            uri,
            host=self.host,
            port=self.port,
            additional_headers=dict(self.headers),
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=None,
            max_size=None,
            max_queue=None,
        )
        try:
            socket = await dialling
        except InvalidStatus as refused:
            self._note_http(conn, refused.response)
            return
        assert socket.response is not None
        self._note_http(conn, socket.response)
        self._sockets[conn] = socket
        self._start(self._read(conn, socket))

    def _note_http(self, conn: str, response: Response) -> None:
        headers = _comparable_headers(response.headers.raw_items())
        self._note(conn, "http", response.status_code, headers, response.body.decode())

    async def _read(self, conn: str, socket: ClientConnection) -> None:
        try:
            while True:
                frame = await socket.recv()
                if isinstance(frame, str):
                    self._note(conn, "text", comparable(frame))
                else:
                    self._note(conn, "binary", frame)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd_then_sent:
                self._note(conn, "close", closed.rcvd.code, closed.rcvd.reason)

    async def _get(self, call: dict[str, Any]) -> None:
        host = {"host": "realtime-dev.localhost:54321"}
        reply = await ask(self.host, self.port, call["method"], call["path"], host)
        headers = _comparable_headers(reply.raw_headers)
        self._note(_HTTP, "http", reply.status, headers, reply.body.decode())

    def _built(self, described: str) -> str:
        """A frame that was described: a broadcast on the joined topic with the next ref."""
        match = re.fullmatch(r'<broadcast with payload\.d = "x"\*(\d+)>', described)
        assert match is not None, described
        body = {"type": "broadcast", "event": "x", "payload": {"d": "x" * int(match[1])}}
        fields = {"topic": "realtime:big", "event": "broadcast", "payload": body}
        return json.dumps({**fields, "ref": "2", "join_ref": "1"})
