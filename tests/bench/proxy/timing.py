"""How exact the toxics are in time, and whether the API answers while a client reads nothing."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import median

from tests.bench.proxy.measures import MESSAGE, PATIENCE_S, call, connect
from tests.bench.proxy.servers import Toxics, Way, path

_LATENCY_MS = 100
_TRIPS = 20
_BANDWIDTH_S = 2.0
"""How long the bytes of one measure take at the rate."""
_FULL_AFTER_S = 0.3
"""Who could write nothing for so long has filled everything on the way."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both ends of a connection through a proxy, and the proxy."""

    client: socket.socket
    server: socket.socket
    way: Way


def latency_late_us(which: str) -> float:
    """Microseconds by which a message comes later than a `latency` of 100 ms says: the median."""
    return median(_late_us(which))


def latency_earliest_us(which: str) -> float:
    """The same of the message that is the least late; below nothing, it came early."""
    return min(_late_us(which))


def _late_us(which: str) -> list[float]:
    late_us = []
    with _through(which, (("latency", {"latency": _LATENCY_MS}),)) as ends:
        for _ in range(_TRIPS):
            began_s = time.perf_counter()
            ends.client.sendall(MESSAGE)
            ends.server.recv(4096)
            late_us.append((time.perf_counter() - began_s - _LATENCY_MS / 1000) * 1e6)
    return late_us


def bandwidth_off_permille(which: str, rate_kb_per_s: int) -> float:
    """How far the mean rate of a `bandwidth` is off, in thousandths of it."""
    size = round(rate_kb_per_s * 1000 * _BANDWIDTH_S)
    with _through(which, (("bandwidth", {"rate": rate_kb_per_s}),)) as ends:
        ends.client.setblocking(False)
        payload, sent, got = memoryview(bytes(size)), 0, 0
        began_s = time.perf_counter()
        while got < size:
            sent += _send_some(ends.client, payload[sent:])
            got += len(ends.server.recv(1 << 18))
        took_s = time.perf_counter() - began_s
    return (size / took_s / (rate_kb_per_s * 1000) - 1) * 1000


def stuck_api_ms(which: str) -> float:
    """The slowest of the calls that change and show a proxy, one of whose clients reads nothing."""
    asked = json.dumps({"name": "t", "type": "latency", "attributes": {"latency": 50}})
    calls = (
        ("POST", "/proxies/bench/toxics", asked),
        ("PATCH", "/proxies/bench/toxics/t", json.dumps({"attributes": {"latency": 60}})),
        ("GET", "/proxies", ""),
        ("DELETE", "/proxies/bench/toxics/t", ""),
    )
    took_s = []
    with _through(which) as ends:
        _fill(ends.server)
        with closing(HTTPConnection("127.0.0.1", ends.way.api_port, PATIENCE_S)) as api:
            for method, target, body in calls:
                began_s = time.perf_counter()
                call(api, method, target, body)
                took_s.append(time.perf_counter() - began_s)
    return max(took_s) * 1000


def _fill(sock: socket.socket) -> None:
    """Write until nothing more is taken."""
    sock.setblocking(False)
    piece = memoryview(bytes(1 << 20))
    while select.select([], [sock], [], _FULL_AFTER_S)[1]:
        _send_some(sock, piece)


def _send_some(sock: socket.socket, data: memoryview) -> int:
    """How much of it was taken."""
    try:
        return sock.send(data)
    except BlockingIOError:
        return 0


@contextmanager
def _through(which: str, toxics: Toxics = ()) -> Iterator[_Ends]:
    """A connection through a proxy, with both ends in this process."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        path(which, listener.getsockname()[1], toxics) as way,
        connect(way.port) as client,
    ):
        server, _ = listener.accept()
        with server:
            yield _Ends(client, server, way)
