"""What sockets feel in the namespace is what a real kernel was recorded to make them feel."""

from __future__ import annotations

import errno
import json
import socket
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.packets import Namespace, Way
from harness.packets.rules import (
    dropped,
    lost,
    new_refused,
    new_stalled,
    only_flows,
    unreachable,
)
from tests.packets.inside import a_namespace

RECORDED = Path(__file__).parents[1] / "golden" / "toxiproxy" / "os_faults.jsonl"
ROWS: dict[str, dict[str, Any]] = {
    row["id"]: row for row in map(json.loads, RECORDED.read_text().splitlines())
}
HALF_OPEN = ROWS["half-open: nft drop both ways"]

TCP_INFO_UNACKED = 24
"""Where `struct tcp_info` holds the segments in flight."""

RTO_MAX_S = 4.0
"""A retransmission after two seconds of silence comes at most so much later."""

Inside = Callable[[Callable[[Namespace], Any]], Any]


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_namespace() as run:
        yield run


@contextmanager
def connected(address: str = "127.0.1.1") -> Iterator[tuple[Way, socket.socket, socket.socket]]:
    """A way, and both ends of a connection on it: the client's, the server's."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        way = Way(address, listener.getsockname()[1])
        with dialled(way) as client:
            server, _ = listener.accept()
            with server:
                server.settimeout(10)
                yield way, client, server


def dialled(way: Way, timeout_s: float = 10.0) -> socket.socket:
    return socket.create_connection((way.address, way.port), timeout=timeout_s)


def fate(sock: socket.socket, within_s: float) -> tuple[str, float]:
    """What becomes of a socket that reads, and after how many seconds."""
    sock.settimeout(within_s)
    began_s = time.monotonic()
    try:
        got = sock.recv(4096)
    except TimeoutError as error:
        name = "nothing" if error.errno is None else errno.errorcode[error.errno]
    except OSError as error:
        name = errno.errorcode[error.errno or 0]
    else:
        name = f"{len(got)} bytes" if got else "FIN"
    return name, time.monotonic() - began_s


def test_a_half_open_connection_is_noticed_by_those_who_ask_the_kernel(inside: Inside) -> None:
    """Keepalive and `TCP_USER_TIMEOUT` fire; who relies on neither waits for ever."""

    def story(namespace: Namespace) -> dict[str, tuple[str, float]]:
        with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
            socks = {}
            for number, name in enumerate(("keepalive", "user_timeout", "plain")):
                way, socks[name], _ = stack.enter_context(connected(f"127.0.1.{number + 1}"))
                namespace.add(dropped(way, up=True, down=True))
            keepalive = socks["keepalive"]
            keepalive.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
                keepalive.setsockopt(socket.IPPROTO_TCP, option, 1)
            keepalive.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
            socks["user_timeout"].setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
            for name in ("user_timeout", "plain"):
                socks[name].sendall(bytes(100))
            fates = {name: pool.submit(fate, sock, 5.0) for name, sock in socks.items()}
            return {name: future.result() for name, future in fates.items()}

    felt = inside(story)
    recorded = {
        "keepalive": HALF_OPEN["keepalive_idle1_intvl1_cnt2_idle_socket"],
        "user_timeout": HALF_OPEN["TCP_USER_TIMEOUT_2s_after_send"],
        "plain": HALF_OPEN["plain_after_send"],
    }
    assert {name: kind for name, (kind, _) in felt.items()} == {
        name: kind for name, (kind, _) in recorded.items()
    }
    for name in ("keepalive", "user_timeout"):
        assert felt[name][1] == pytest.approx(recorded[name][1], abs=1.0)


def test_what_is_sent_into_a_hole_is_never_acknowledged_and_comes_late(inside: Inside) -> None:
    """Unlike behind a proxy: no byte is lost, the next retransmission after the heal brings it."""

    def story(namespace: Namespace) -> tuple[int, str, tuple[str, float]]:
        with connected() as (way, client, server):
            hole = namespace.add(dropped(way, up=True, down=True))
            client.sendall(bytes(100))
            during, _ = fate(server, 1.5)
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            namespace.remove(hole)
            (unacked,) = struct.unpack_from("I", info, TCP_INFO_UNACKED)
            return unacked, during, fate(server, RTO_MAX_S)

    unacked, during, (after, _) = inside(story)
    assert unacked == HALF_OPEN["unacked_segments_after_1_5s"]
    assert during == "nothing"
    assert f"{after} delivered late" == HALF_OPEN["plain_after_healing"][0]


@pytest.mark.parametrize(
    ("rules", "up", "down"),
    [
        (lambda way: dropped(way, up=True, down=True), "nothing", "nothing"),
        (lambda way: dropped(way, up=True, down=False), "nothing", "3 bytes"),
        (lambda way: dropped(way, up=False, down=True), "3 bytes", "nothing"),
    ],
    ids=["both", "up", "down"],
)
def test_a_hole_has_a_direction(inside: Inside, rules: Any, up: str, down: str) -> None:
    def story(namespace: Namespace) -> tuple[str, str]:
        with connected() as (way, client, server):
            namespace.add(rules(way))
            client.sendall(b"abc")
            at_server, _ = fate(server, 0.3)
            server.sendall(b"abc")
            at_client, _ = fate(client, 0.3)
            return at_server, at_client

    assert inside(story) == (up, down)


def test_a_connect_into_a_hole_times_out(inside: Inside) -> None:
    def story(namespace: Namespace) -> str:
        with connected() as (way, _, _):
            namespace.add(dropped(way, up=True, down=True))
            try:
                dialled(way, 0.5)
            except OSError as error:
                return type(error).__name__
            return "connected"

    assert inside(story) == HALF_OPEN["new_connect"][0]


def test_a_server_never_learns_that_a_client_closed_in_a_hole(inside: Inside) -> None:
    def story(namespace: Namespace) -> str:
        with connected() as (way, client, server):
            namespace.add(dropped(way, up=True, down=True))
            client.close()
            return fate(server, 1.0)[0]

    assert ROWS["client closes while cut: nft drop"]["server_saw"] == []
    assert inside(story) == "nothing"


def test_a_refused_way_resets_who_sends_and_who_connects(inside: Inside) -> None:
    def story(namespace: Namespace) -> tuple[str, str]:
        with connected() as (way, client, _):
            namespace.add(new_refused(way))
            client.sendall(b"abc")
            established, _ = fate(client, 2.0)
            try:
                dialled(way)
            except OSError as error:
                return established, type(error).__name__
            return established, "connected"

    assert inside(story) == (
        ROWS["nft reject with tcp reset"]["established"][0],
        ROWS["nft reject with tcp reset: new"]["connect"],
    )


@pytest.mark.parametrize("what", ["host", "net"])
def test_a_router_says_that_there_is_no_way(inside: Inside, what: str) -> None:
    def story(namespace: Namespace) -> str:
        with connected() as (way, _, _):
            namespace.add(unreachable(way, what))
            try:
                dialled(way)
            except OSError as error:
                return errno.errorcode[error.errno or 0]
            return "connected"

    assert inside(story) == ROWS[f"nft reject icmp {what}-unreachable"]["connect"]


def test_only_new_connects_stall(inside: Inside) -> None:
    def story(namespace: Namespace) -> tuple[str, str]:
        with connected() as (way, client, server):
            namespace.add(new_stalled(way))
            client.sendall(b"abc")
            try:
                dialled(way, 0.5)
            except OSError as error:
                return fate(server, 1.0)[0], type(error).__name__
            return "", "connected"

    assert inside(story) == ("3 bytes", "TimeoutError")


def test_only_the_flows_named_are_dead(inside: Inside) -> None:
    def story(namespace: Namespace) -> tuple[list[int], str, str]:
        with connected() as (way, client, server):
            flows = namespace.flows(way)
            namespace.add(only_flows(way, flows))
            client.sendall(b"abc")
            server.sendall(b"abc")
            with dialled(way) as fresh:
                fresh.sendall(b"abc")
            return (
                [flow - client.getsockname()[1] for flow in flows],
                fate(server, 0.3)[0],
                fate(client, 0.3)[0],
            )

    assert inside(story) == ([0], "nothing", "nothing")


def test_a_reset_ends_the_connections_of_one_way_only(inside: Inside) -> None:
    def story(namespace: Namespace) -> tuple[str, str, str]:
        with socket.create_server(("0.0.0.0", 0)) as listener:
            port = listener.getsockname()[1]
            hit, spared = Way("127.0.1.1", port), Way("127.0.1.2", port)
            with dialled(hit) as one, dialled(spared) as other:
                ends = [listener.accept()[0] for _ in range(2)]
                namespace.reset(hit)
                ends[1].sendall(b"abc")
                told = fate(one, 2.0)[0], fate(ends[0], 2.0)[0], fate(other, 2.0)[0]
                for end in ends:
                    end.close()
                return told

    assert inside(story) == ("ECONNRESET", "ECONNABORTED", "3 bytes")


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_loss_is_rare_stalls_and_not_missing_bytes(inside: Inside, share: float) -> None:
    """What TCP makes of loss: nothing mostly, and now and then 200 ms and their doubles."""

    def pings(address: str, namespace: Namespace) -> list[float]:
        with connected(address) as (way, client, server):
            namespace.add(lost(way, share))
            took_s: list[float] = []
            until_s = time.monotonic() + 2.5
            while time.monotonic() < until_s:
                sent = struct.pack("Q", len(took_s)) * 25
                began_s = time.monotonic()
                client.sendall(sent)
                server.sendall(_exactly(server, len(sent)))
                assert _exactly(client, len(sent)) == sent
                took_s.append(time.monotonic() - began_s)
            return took_s

    def story(namespace: Namespace) -> list[float]:
        with ThreadPoolExecutor(6) as pool:
            futures = [pool.submit(pings, f"127.0.1.{n + 1}", namespace) for n in range(6)]
            return [took_s for future in futures for took_s in future.result()]

    took_s = inside(story)
    assert statistics.median(took_s) < 0.1
    assert max(took_s) >= 0.2


def _exactly(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += sock.recv(size - len(got))
    return got
