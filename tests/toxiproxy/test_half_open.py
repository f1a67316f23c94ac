"""A `timeout 0` is not a dead network: what a proxy swallows was acknowledged, as recorded."""

from __future__ import annotations

import errno
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.toxiproxy import Proxy, Toxiproxy
from tests.toxiproxy.servers import toxiproxy_of

RECORDED = Path(__file__).parents[1] / "golden" / "toxiproxy" / "os_faults.jsonl"
ROWS: dict[str, dict[str, Any]] = {
    row["id"]: row for row in map(json.loads, RECORDED.read_text().splitlines())
}
HALF_OPEN = ROWS["half-open: toxiproxy timeout 0 both ways"]

TCP_INFO_UNACKED = 24
"""Where `struct tcp_info` holds the segments in flight."""

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="asks the kernel as only Linux can be asked"
)


@pytest.fixture(scope="module", params=["embedded", "real"])
def toxiproxy(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    with toxiproxy_of(request.param) as server:
        yield server


@contextmanager
def cut(toxiproxy: Toxiproxy) -> Iterator[tuple[Proxy, socket.socket, socket.socket]]:
    """A proxy whose connection was swallowed both ways, the client's end, the server's end."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        toxiproxy.temporary_proxy("p", f"127.0.0.1:{listener.getsockname()[1]}") as proxy,
        dialled(proxy) as client,
        listener.accept()[0] as server,
    ):
        for stream in ("upstream", "downstream"):
            proxy.add_toxic("timeout", stream, {"timeout": 0}, f"cut_{stream}")
        yield proxy, client, server


def dialled(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(proxy.listen.rpartition(":")[2])), 5)


def fate(sock: socket.socket, within_s: float) -> str:
    sock.settimeout(within_s)
    try:
        got = sock.recv(4096)
    except TimeoutError as error:
        return "nothing" if error.errno is None else errno.errorcode[error.errno]
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return f"{len(got)} bytes" if got else "FIN"


def test_no_kernel_notices_a_proxy_that_swallows(toxiproxy: Toxiproxy) -> None:
    """Neither keepalive nor `TCP_USER_TIMEOUT` fires: only an answer that is missed tells."""
    with cut(toxiproxy) as (proxy, client, _):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_KEEPIDLE, 1),
            (socket.TCP_KEEPINTVL, 1),
            (socket.TCP_KEEPCNT, 1),
            (socket.TCP_USER_TIMEOUT, 500),
        ):
            client.setsockopt(socket.IPPROTO_TCP, option, value)
        client.sendall(bytes(100))
        during = fate(client, 3.0)
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (unacked,) = struct.unpack_from("I", info, TCP_INFO_UNACKED)
        dialled(proxy).close()
        proxy.remove_toxic("cut_downstream")
        after = fate(client, 5.0)
    assert during == HALF_OPEN["plain_after_send"][0]
    assert during == HALF_OPEN["TCP_USER_TIMEOUT_2s_after_send"][0]
    assert unacked == HALF_OPEN["unacked_segments_after_1_5s"]
    assert after == HALF_OPEN["plain_after_healing"][0]


def test_a_close_passes_a_proxy_that_swallows(toxiproxy: Toxiproxy) -> None:
    with cut(toxiproxy) as (_, client, server):
        client.close()
        began_s = time.monotonic()
        assert fate(server, 5.0) == "FIN"
        assert time.monotonic() - began_s < 2.0
    assert ROWS["client closes while cut: toxiproxy timeout 0"]["server_saw"][0][0] == "eof"
