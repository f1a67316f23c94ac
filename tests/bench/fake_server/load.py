"""Clients that are never the bottleneck: raw sockets that count bytes and parse nothing."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from websockets.frames import Frame, Opcode

MESSAGE_BYTES = 200
"""How long a delivered message is, without the header of its frame."""
_READ_BYTES = 1 << 18
_IN_FLIGHT_MAX = 64
_CLOCK_TICKS_PER_S = 100
_PATIENCE_S = 60.0


class Child:
    """A server in a process of its own, with what the kernel says of it."""

    def __init__(self, which: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.fake_server.children", which],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.port: int = ready["port"]
        self.path = f"/realtime/v1/websocket?vsn=2.0.0&apikey={ready['key']}"

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=_PATIENCE_S)

    def cpu_s(self) -> float:
        """The CPU time that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS_PER_S

    def resident_bytes(self) -> int:
        """The memory that it occupies."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


@dataclass
class Crowd:
    """Connections that have joined one topic of a server."""

    child: Child
    sockets: list[socket.socket] = field(default_factory=list)
    received_bytes: dict[int, int] = field(default_factory=dict)
    _poll: select.epoll = field(default_factory=select.epoll)
    _by_fd: dict[int, socket.socket] = field(default_factory=dict)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.sockets:
            each.close()
        self._poll.close()

    def join(self, count: int) -> None:
        """Connect and join `count` more, some at a time, and wait for all the answers."""
        waiting, upgraded = deque(range(count)), dict[int, bool]()
        joined = 0
        while joined < count:
            while waiting and len(upgraded) < _IN_FLIGHT_MAX:
                waiting.popleft()
                upgraded[self._connect()] = False
            for fd, data in self._read():
                if b"\r\n\r\n" in data and not upgraded[fd]:
                    upgraded[fd] = True
                    self._by_fd[fd].sendall(_JOIN)
                elif b"phx_reply" in data:
                    del upgraded[fd]
                    self.received_bytes[fd] = 0
                    joined += 1

    def send(self, number: int) -> None:
        """The first of the crowd says something to the others, `number` times in one write."""
        self.sockets[0].sendall(_MESSAGE * number)

    def wait(self, expected: int) -> None:
        """Read until every other connection has this many bytes since the last `reset`."""
        missing = expected * (len(self.sockets) - 1) - sum(self.received_bytes.values())
        while missing > 0:
            for fd, data in self._read():
                self.received_bytes[fd] += len(data)
                missing -= len(data)

    def frame_bytes(self) -> int:
        """How long one delivery is on the wire, by trying."""
        self.send(1)
        deadline_s = time.perf_counter() + 1.0
        while time.perf_counter() < deadline_s:
            for fd, data in self._read(0.2):
                self.received_bytes[fd] += len(data)
        (size,) = {self.received_bytes[each.fileno()] for each in self.sockets[1:]}
        self.reset()
        return size

    def reset(self) -> None:
        """Count from zero."""
        self.received_bytes = dict.fromkeys(self.received_bytes, 0)

    def arrivals(self, wait_s: float) -> list[tuple[int, int]]:
        """What came within a time: for each connection that got something, all its bytes so far."""
        for fd, data in (heard := self._read(wait_s)):
            self.received_bytes[fd] += len(data)
        return [(fd, self.received_bytes[fd]) for fd, _ in heard]

    def _connect(self) -> int:
        connection = socket.create_connection(("127.0.0.1", self.child.port), _PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_UPGRADE.format(path=self.child.path).encode())
        fd = connection.fileno()
        self.sockets.append(connection)
        self._by_fd[fd] = connection
        self._poll.register(fd, select.EPOLLIN)
        return fd

    def _read(self, wait_s: float = _PATIENCE_S) -> list[tuple[int, bytes]]:
        ready = self._poll.poll(wait_s)
        if not ready and wait_s == _PATIENCE_S:
            raise TimeoutError("the server has fallen silent")
        heard = [(fd, self._by_fd[fd].recv(_READ_BYTES)) for fd, _ in ready]
        if not all(data for _, data in heard):
            raise ConnectionError("the server has closed a connection")
        return heard


def _frame(message: list[object]) -> bytes:
    data = json.dumps(message, separators=(",", ":")).encode()
    return Frame(Opcode.TEXT, data).serialize(mask=True)


def _message() -> bytes:
    body = {"event": "shot", "payload": {"text": ""}, "type": "broadcast"}
    message: list[object] = [None, None, "realtime:room", "broadcast", body]
    length = len(json.dumps(message, separators=(",", ":")))
    body["payload"] = {"text": "x" * (MESSAGE_BYTES - length)}
    return _frame(message)


_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_JOIN = _frame(["1", "1", "realtime:room", "phx_join", {"config": {}}])
_MESSAGE = _message()
