"""The servers that the adapter is tested against: the embedded one, and a real Toxiproxy if any."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.toxiproxy import EmbeddedToxiproxy, Toxiproxy
from harness.toxiproxy.binary import RealToxiproxy
from harness.toxiproxy.choice import BadChoice, Binary, choose
from harness.toxiproxy.server import ToxiproxyServer

BUILT = Path(__file__).parents[2] / ".cache" / "bin" / "toxiproxy-server"
START_TIMEOUT_S = 20.0


def find_real_toxiproxy() -> Path:
    """A real Toxiproxy: named in the environment, built here, or on PATH. Raises `BadChoice`."""
    choice = choose(
        os.environ.get("SQUALL_TOXIPROXY") or (str(BUILT) if BUILT.exists() else "auto")
    )
    if not isinstance(choice, Binary):
        raise BadChoice(f"SQUALL_TOXIPROXY says {choice}, which is no program")
    return choice.path


def required_real_toxiproxy() -> Path:
    """A real Toxiproxy. A missing one is unknown, and in CI a failure."""
    try:
        return find_real_toxiproxy()
    except BadChoice as error:
        if os.environ.get("CI"):
            pytest.fail(f"no real Toxiproxy to test with: {error}")
        pytest.skip(f"unknown: no real Toxiproxy to test with: {error}")


@contextmanager
def toxiproxy_of(kind: str) -> Iterator[Toxiproxy]:
    """A running server of a kind, `embedded` or `real`."""
    if kind == "embedded":
        with EmbeddedToxiproxy(seed=1) as child:
            yield Toxiproxy(child.host, child.port)
        return
    with RealToxiproxy(required_real_toxiproxy()) as real:
        yield Toxiproxy(real.host, real.port)


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
