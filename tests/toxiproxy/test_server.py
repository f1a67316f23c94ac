"""The embedded server treats connections as the real Toxiproxy does: one table, both servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from harness.sim import SimLoop, run
from harness.toxiproxy import Proxy, Toxiproxy
from harness.toxiproxy.server import ToxiproxyServer
from harness.toxiproxy.toxic_record import ToxicRecord
from tests.toxiproxy.servers import toxiproxy_of

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What a client got, and how its connection ended."""

    data_bytes: int
    ended: str
    """FIN, RST, or open."""


Serve = Callable[[socket.socket], None]
Story = Callable[[Proxy, socket.socket], Fate]


def echo(sock: socket.socket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


def say(size: int, sock: socket.socket) -> None:
    """Send so many bytes, then close."""
    sock.sendall(bytes(size))


def read_to_end(sock: socket.socket) -> Fate:
    got = 0
    try:
        while data := sock.recv(65536):
            got += len(data)
    except ConnectionResetError:
        return Fate(got, "RST")
    return Fate(got, "FIN")


def listen(_: Proxy, sock: socket.socket) -> Fate:
    return read_to_end(sock)


def send(size: int, _: Proxy, sock: socket.socket) -> Fate:
    sock.sendall(bytes(size))
    return read_to_end(sock)


def be_disabled(proxy: Proxy, sock: socket.socket) -> Fate:
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
    proxy.disable()
    return read_to_end(sock)


def be_flushed(proxy: Proxy, sock: socket.socket) -> Fate:
    """Data that is held by a minute of latency comes when the toxic is removed."""
    for _ in range(3):
        sock.sendall(b"held")
    time.sleep(0.2)
    proxy.remove_toxic("latency_downstream")
    return Fate(len(_read_exactly(sock, 12)), "open")


def be_starved_then_healed(proxy: Proxy, sock: socket.socket) -> Fate:
    sock.sendall(b"lost")
    time.sleep(0.2)
    proxy.remove_toxic("timeout_downstream")
    return read_to_end(sock)


def be_stalled_then_freed(proxy: Proxy, sock: socket.socket) -> Fate:
    sock.sendall(b"hello")
    time.sleep(0.2)
    proxy.update_toxic("bandwidth_downstream", {"rate": 1000})
    return Fate(len(_read_exactly(sock, 5)), "open")


def _read_exactly(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += sock.recv(size - len(got)) or pytest.fail(f"ended after {got!r}")
    return got


@dataclass(frozen=True, slots=True)
class Case:
    """One row: the toxics, both ends, and what must come of it, as recorded."""

    toxics: list[tuple[str, str, dict[str, int]]]
    serve: Serve
    story: Story
    fate: Fate
    at_least_s: float = 0.0


DOWN, UP = "downstream", "upstream"
CASES = {
    "latency": Case(
        [("latency", DOWN, {"latency": 300})], partial(say, 9), listen, Fate(9, "FIN"), 0.3
    ),
    "latencies add": Case(
        [
            ("latency", UP, {"latency": 200}),
            ("limit_data", DOWN, {"bytes": 9}),
            ("latency", DOWN, {"latency": 200}),
        ],
        echo,
        partial(send, 9),
        Fate(9, "FIN"),
        0.4,
    ),
    "latency removed": Case(
        [("latency", DOWN, {"latency": 60_000})], echo, be_flushed, Fate(12, "open")
    ),
    "latency alone does not delay an end": Case(
        [("latency", DOWN, {"latency": 60_000})], partial(say, 0), listen, Fate(0, "FIN")
    ),
    "bandwidth": Case(
        [("bandwidth", DOWN, {"rate": 100})],
        partial(say, 40_000),
        listen,
        Fate(40_000, "FIN"),
        0.38,
    ),
    "bandwidth 0": Case(
        [("bandwidth", DOWN, {"rate": 0})], echo, be_stalled_then_freed, Fate(5, "open")
    ),
    "slow_close": Case(
        [("slow_close", DOWN, {"delay": 300})], partial(say, 2), listen, Fate(2, "FIN"), 0.3
    ),
    "slow_close of the other stream": Case(
        [("slow_close", UP, {"delay": 60_000})], partial(say, 2), listen, Fate(2, "FIN")
    ),
    "timeout": Case(
        [("timeout", DOWN, {"timeout": 300})], echo, partial(send, 9), Fate(0, "FIN"), 0.3
    ),
    "timeout removed": Case(
        [("timeout", DOWN, {"timeout": 0})], echo, be_starved_then_healed, Fate(0, "FIN")
    ),
    "reset_peer": Case(
        [("reset_peer", DOWN, {"timeout": 200})], echo, partial(send, 9), Fate(0, "RST"), 0.2
    ),
    "slicer": Case(
        [("slicer", DOWN, {"average_size": 64, "delay": 10_000})],
        partial(say, 1024),
        listen,
        Fate(1024, "FIN"),
        0.15,
    ),
    "limit_data": Case(
        [("limit_data", DOWN, {"bytes": 1000})], partial(say, 5000), listen, Fate(1000, "FIN")
    ),
    "limit_data exactly": Case(
        [("limit_data", DOWN, {"bytes": 9})], echo, partial(send, 9), Fate(9, "FIN")
    ),
    "limit_data 0": Case(
        [("limit_data", DOWN, {"bytes": 0})], echo, partial(send, 9), Fate(0, "FIN")
    ),
    "disabled": Case([], echo, be_disabled, Fate(0, "FIN")),
}


@pytest.fixture(scope="module", params=["embedded", "real"])
def toxiproxy(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    with toxiproxy_of(request.param) as server:
        yield server


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_connection_meets_the_same_fate_on_both_servers(toxiproxy: Toxiproxy, case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_serve_one, args=(listener, case.serve), daemon=True)
        serving.start()
        proxy = toxiproxy.create("p", f"127.0.0.1:{listener.getsockname()[1]}")
        try:
            for type, stream, attributes in case.toxics:
                _add_unchecked(toxiproxy, type, stream, attributes)
            began_s = time.monotonic()
            with _client(proxy) as sock:
                fate = case.story(proxy, sock)
                lasted_s = time.monotonic() - began_s
        finally:
            toxiproxy.delete("p")
        serving.join(PATIENCE_S)
    assert fate == case.fate
    assert lasted_s >= case.at_least_s


def _add_unchecked(toxiproxy: Toxiproxy, type: str, stream: str, attributes: Any) -> None:
    """Past the adapter, which refuses what only some versions of Toxiproxy do."""
    asked = json.dumps({"type": type, "stream": stream, "attributes": attributes})
    url = f"http://{toxiproxy.host}:{toxiproxy.port}/proxies/p/toxics"
    urllib.request.urlopen(url, asked.encode(), timeout=PATIENCE_S).close()


def _client(proxy: Proxy) -> socket.socket:
    port = int(proxy.listen.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def _serve_one(listener: socket.socket, serve: Serve) -> None:
    sock, _ = listener.accept()
    # Some stories end in an error at this end, and mean to.
    with sock, contextlib.suppress(ConnectionError):
        serve(sock)


def test_it_runs_in_virtual_time() -> None:
    """Nothing but the loop's own calls: an hour of latency passes at once in the simulation."""

    async def say_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async def main(loop: SimLoop) -> tuple[bytes, float]:
        upstream = await asyncio.start_server(say_hello, "127.0.0.1", 4000)
        server = ToxiproxyServer(port=8474, seed=1)
        await server.start()
        proxy = await server.proxies.create("p", "127.0.0.1:5000", "127.0.0.1:4000", True)
        proxy.add_toxic(ToxicRecord("slow", "latency", DOWN, 1.0, {"latency": 3_600_000}))
        began_s = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", 5000)
        said = await reader.read()
        lasted_s = loop.time() - began_s
        writer.close()
        server.stop()
        upstream.close()
        await asyncio.sleep(1)  # let the last connections end
        return said, lasted_s

    said, lasted_s = run(main, seed=1)
    assert said == b"hello"
    assert 3600 <= lasted_s < 3601
