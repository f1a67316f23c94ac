"""The servers that the adapter is tested against: the embedded one, and a real Toxiproxy if any."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy, Unreachable
from harness.toxiproxy.server import ToxiproxyServer

BUILT = Path(__file__).parents[2] / ".cache" / "bin" / "toxiproxy-server"
START_TIMEOUT_S = 20.0


def real_toxiproxy() -> str | None:
    """The path of a real Toxiproxy: named in the environment, installed, or built here."""
    if named := os.environ.get("SQUALL_TOXIPROXY"):
        return named
    return shutil.which("toxiproxy-server") or (str(BUILT) if BUILT.exists() else None)


@contextmanager
def toxiproxy_of(kind: str) -> Iterator[Toxiproxy]:
    """A running server of a kind. A missing real one is unknown, and in CI a failure."""
    if kind == "embedded":
        with EmbeddedToxiproxy(seed=1) as child:
            yield Toxiproxy(child.host, child.port)
        return
    path = real_toxiproxy()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no real Toxiproxy found: set SQUALL_TOXIPROXY to the path of one")
        pytest.skip("unknown: no real Toxiproxy found")
    with _started(path) as port:
        yield Toxiproxy("127.0.0.1", port)


@contextmanager
def embedded(host: str) -> Iterator[int]:
    """The embedded server on a loop of its own, at any address of this machine; its port."""
    loop = asyncio.new_event_loop()
    server = ToxiproxyServer(host, seed=1)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(START_TIMEOUT_S)
    try:
        yield server.port
    finally:
        loop.call_soon_threadsafe(server.stop)
        loop.call_soon_threadsafe(lambda: loop.call_soon(loop.stop))
        thread.join(START_TIMEOUT_S)
        loop.close()


@contextmanager
def _started(path: str) -> Iterator[int]:
    """The original cannot choose a port by itself; another may take ours, so ask the child."""
    port = _free_port()
    command = [path, "-host", "127.0.0.1", "-port", str(port)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(child, port)
        yield port
    finally:
        child.terminate()
        child.wait(10)


def _wait_until_it_answers(child: subprocess.Popen[bytes], port: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        assert child.poll() is None, f"the real Toxiproxy ended with {child.returncode}"
        try:
            Toxiproxy("127.0.0.1", port).version()
            return
        except Unreachable:
            assert time.monotonic() < deadline_s, "the real Toxiproxy does not answer"
            time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port
