"""The measures themselves: each returns one plain number, and none asserts anything."""

from __future__ import annotations

import json
import select
import socket
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from statistics import median

from tests.bench.proxy.servers import CLOCK_TICKS_PER_S, Toxics, Way, path, pinned, upstream

MESSAGE = b"x" * 200
PATIENCE_S = 60.0
_BULK_BYTES = 200 << 20
_PINGS = 3000
_ECHOES_S = 1.5
_IDLE = 1000
_LIVE = 200
STAGES: Toxics = (("noop", {}), ("latency", {"latency": 0}), ("limit_data", {"bytes": 1 << 40}))
"""Three toxics that let everything by; the last one counts."""


def bulk_mb_per_s(which: str) -> float:
    """Megabytes a second, one way, through one connection."""
    return _bulk(which)[0]


def staged_mb_per_s(which: str) -> float:
    """The same through three toxics that let everything by."""
    return _bulk(which, STAGES)[0]


def bulk_mb_per_cpu_s(which: str) -> float:
    """Megabytes for each second of CPU time of the proxy: what a busy machine does not touch."""
    return _bulk(which)[1]


def staged_mb_per_cpu_s(which: str) -> float:
    """The same through three toxics that let everything by."""
    return _bulk(which, STAGES)[1]


def _bulk(which: str, toxics: Toxics = ()) -> tuple[float, float]:
    """Megabytes a second, and a CPU second of the proxy."""
    with upstream() as port, path(which, port, toxics) as way, connect(way.port) as sock:
        piece = memoryview(bytes(1 << 20))
        cpu_s, began_s = way.cpu_s(), time.perf_counter()
        sock.sendall(b"S" + _BULK_BYTES.to_bytes(8, "big"))
        for _ in range(_BULK_BYTES >> 20):
            sock.sendall(piece)
        assert sock.recv(1) == b"K"
        return _rates(_BULK_BYTES / 1e6, began_s, way, cpu_s)


def _rates(done: float, began_s: float, way: Way, cpu_s: float) -> tuple[float, float]:
    took_s = time.perf_counter() - began_s
    return done / took_s, done / max(way.cpu_s() - cpu_s, 1 / CLOCK_TICKS_PER_S)


def pinned_rtt_us(which: str) -> float:
    """The median round trip of a small message, with everything on one core."""
    with pinned(), upstream() as port, path(which, port) as way, connect(way.port) as sock:
        sock.sendall(b"E")
        sock.recv(1)
        took_s = []
        for _ in range(_PINGS):
            began_s = time.perf_counter()
            sock.sendall(MESSAGE)
            sock.recv(4096)
            took_s.append(time.perf_counter() - began_s)
        return median(took_s) * 1e6


def echoes_per_s(which: str) -> float:
    """Echoes a second over 50 connections, each with one small message on its way."""
    return _echoes(which)[0]


def echoes_per_cpu_s(which: str) -> float:
    """Echoes for each second of CPU time of the proxy."""
    return _echoes(which)[1]


def _echoes(which: str) -> tuple[float, float]:
    """Echoes a second, and a CPU second of the proxy."""
    with upstream() as port, path(which, port) as way, ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        by_fd = {}
        for _ in range(50):
            sock = stack.enter_context(connect(way.port))
            sock.sendall(b"E")
            sock.recv(1)
            by_fd[sock.fileno()] = sock
            poll.register(sock.fileno(), select.EPOLLIN)
        for sock in by_fd.values():
            sock.sendall(MESSAGE)
        done, began_s, cpu_s = 0, time.perf_counter(), way.cpu_s()
        while time.perf_counter() - began_s < _ECHOES_S:
            for fd, _ in poll.poll(PATIENCE_S):
                by_fd[fd].recv(4096)
                by_fd[fd].sendall(MESSAGE)
                done += 1
        return _rates(done, began_s, way, cpu_s)


def idle_kb(which: str) -> float:
    """Resident kilobytes of the proxy for each connection that says nothing."""
    with upstream() as port, path(which, port) as way, ExitStack() as stack:
        _open(stack, way, 50)
        before_bytes = way.resident_bytes()
        _open(stack, way, _IDLE)
        return (way.resident_bytes() - before_bytes) / _IDLE / 1000


def add_toxic_ms(which: str) -> float:
    """Milliseconds of the call that adds a toxic to 200 live connections; the median of nine."""
    asked = json.dumps({"name": "t", "type": "latency", "attributes": {"latency": 50}})
    with upstream() as port, path(which, port) as way, ExitStack() as stack:
        _open(stack, way, _LIVE)
        api = stack.enter_context(closing(HTTPConnection("127.0.0.1", way.api_port, PATIENCE_S)))
        took_s = []
        for _ in range(9):
            began_s = time.perf_counter()
            call(api, "POST", "/proxies/bench/toxics", asked)
            took_s.append(time.perf_counter() - began_s)
            call(api, "DELETE", "/proxies/bench/toxics/t", "")
        return median(took_s) * 1000


def call(api: HTTPConnection, method: str, target: str, body: str) -> None:
    """On one connection that stays open: what is measured is the server, not its client."""
    api.request(method, target, body)
    answer = api.getresponse()
    answer.read()
    assert answer.status < 300, answer.status


def _open(stack: ExitStack, way: Way, count: int) -> None:
    """Connections that have carried something both ways once."""
    for _ in range(count):
        sock = stack.enter_context(connect(way.port))
        sock.sendall(b"E")
        assert sock.recv(1)


def connect(port: int) -> socket.socket:
    """A connection whose small messages leave at once."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
