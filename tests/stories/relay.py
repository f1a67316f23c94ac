"""The TCP hop between proxy and server: it hands everything on, and takes down what passes."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.stories.frames import CLOSE, PING, PONG, TEXT, Frame, Stream

Tell = Callable[[str, str, Any], None]

_CHUNK_BYTES = 65_536
_KEY = re.compile(r"apikey=[^&\s]*")
_STORM_LINES_MAX = 20_000


class Relay:
    """Listens on loopback before one server.

    A server that refuses is turned into accept-then-close, as the relay of the recordings did. An
    upgrade is answered `upgrade_s` after it was asked for, if the server is faster.
    """

    def __init__(self, tell: Tell, upstream_port: int, upgrade_s: float = 0.0) -> None:
        self.upgrade_s = upgrade_s
        self.port = 0
        self.counts: Counter[str] = Counter()
        """TCP connections, requests, answers by their status, changes."""
        self.joins: Counter[str] = Counter()
        """By topic."""
        self.probed: set[str] = set()
        """The topics that the server delivered a probe to."""
        self._tell = tell
        self._upstream_port = upstream_port
        self._listener: asyncio.Server
        self._live: dict[asyncio.Task[None], None] = {}
        self._closing_until_s = 0.0
        self._conns = 0
        self._lines_left = _STORM_LINES_MAX

    async def start(self) -> None:
        """Listen on a free port."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and drop what there is."""
        self._listener.close()
        self.close_connections()
        if self._live:
            await asyncio.wait(list(self._live), timeout=5)

    def close_connections(self) -> None:
        """End every live connection, on both sides."""
        for task in list(self._live):
            task.cancel()

    def accept_then_close(self, for_s: float) -> None:
        """End every new connection at once, for so long."""
        self._closing_until_s = asyncio.get_running_loop().time() + for_s

    def told(self, what: str, data: Any) -> None:
        """A line of the transcript; a storm of them is cut off, visibly."""
        self._lines_left -= 1
        if self._lines_left > 0:
            self._tell("server", what, data)
        elif self._lines_left == 0:
            self._tell("server", "more than can be told", None)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._live[task] = None
        self._conns += 1
        self.counts["tcp_reaching_server_side"] += 1
        try:
            if asyncio.get_running_loop().time() >= self._closing_until_s:
                await self._connect(_Connection(self, self._conns), reader, writer)
        except asyncio.CancelledError:
            self.told("closed by the relay", {"conn": self._conns})
        finally:
            self._live.pop(task, None)
            writer.close()

    async def _connect(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            self.told("tcp connect refused", {"conn": connection.number})
            return
        try:
            await asyncio.gather(
                connection.pump(reader, upstream[1], "client side", connection.from_client),
                connection.pump(upstream[0], writer, "server", connection.from_server),
            )
        finally:
            upstream[1].close()


class _Connection:
    """What passes over one connection."""

    def __init__(self, relay: Relay, number: int) -> None:
        self.number = number
        self._relay = relay
        self._up, self._down = Stream(), Stream()
        self._is_websocket = False
        self._answer_at_s = 0.0

    @property
    def _early_s(self) -> float:
        """For how long an answer to the upgrade has to wait."""
        return self._answer_at_s - asyncio.get_running_loop().time()

    async def pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        side: str,
        look: Callable[[bytes], None],
    ) -> None:
        """Hand one direction on until it ends, and its end too."""
        kind = "FIN"
        try:
            while data := await reader.read(_CHUNK_BYTES):
                look(data)
                if side == "server" and self._early_s > 0:
                    await asyncio.sleep(self._early_s)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            kind = "RST"
        self._relay.told(f"tcp end from {side}", {"conn": self.number, "kind": kind})
        with suppress(OSError, RuntimeError):
            if kind == "RST":
                writer.transport.abort()
            elif writer.can_write_eof():
                writer.write_eof()

    def from_client(self, data: bytes) -> None:
        """Look at what the client sends."""
        line = self._up.head(data)
        if line is not None:
            self._relay.counts["upgrade_requests"] += 1
            self._answer_at_s = asyncio.get_running_loop().time() + self._relay.upgrade_s
            shown = _KEY.sub("apikey=…", line)
            self._relay.told("upgrade request", {"conn": self.number, "line": shown})
        if self._is_websocket:
            for frame in self._up.frames():
                self._frame(frame, "c2s")

    def from_server(self, data: bytes) -> None:
        """Look at what the server sends."""
        line = self._down.head(data)
        if line is not None:
            status = line.split(" ")[1] if " " in line else line
            self._relay.counts[status] += 1
            self._is_websocket = status == "101"
            self._relay.told("upgrade answer", {"conn": self.number, "status": status})
        if not self._is_websocket:
            self._down.forget()
            return
        for frame in self._down.frames():
            self._frame(frame, "s2c")

    def _frame(self, frame: Frame, way: str) -> None:
        names = {PING: "ping", PONG: "pong"}
        if frame.opcode == TEXT:
            self._text(frame.payload, way)
        elif frame.opcode in names:
            self._relay.told(f"{names[frame.opcode]} {way}", {"conn": self.number})
        elif frame.opcode == CLOSE:
            code = int.from_bytes(frame.payload[:2], "big") if frame.payload else None
            self._relay.told(f"close frame {way}", {"conn": self.number, "code": code})

    def _text(self, payload: bytes, way: str) -> None:
        """Take down a message; numbered broadcasts and changes are only counted."""
        if way == "s2c" and (b'"postgres_changes","' in payload or b'"ids":[' in payload):
            self._relay.counts["changes_sent_by_server"] += 1
            return
        if way == "s2c" and b'"event":"n"' in payload:
            return
        message = _message(payload)
        topic, event = str(message.get("topic")), message.get("event")
        told = {"conn": self.number, "topic": topic, "event": event, "ref": message.get("ref")}
        if (way, event) == ("c2s", "phx_join"):
            self._relay.joins[topic.removeprefix("realtime:")] += 1
        body = message.get("payload")
        if way == "s2c":
            told["payload"] = body
            if event == "broadcast" and isinstance(body, dict) and body.get("event") == "probe":
                self._relay.probed.add(topic.removeprefix("realtime:"))
        if not (event == "broadcast" and isinstance(body, dict) and body.get("event") == "burst"):
            self._relay.told(f"frame {way}", told)


def _message(payload: bytes) -> dict[str, Any]:
    """A message of either version; what is none is an empty one."""
    with suppress(ValueError):
        value = json.loads(payload)
        if isinstance(value, dict):
            return value
        if isinstance(value, list) and len(value) == 5:
            _, ref, topic, event, body = value
            return {"ref": ref, "topic": topic, "event": event, "payload": body}
    return {}
