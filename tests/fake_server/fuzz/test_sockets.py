"""Any bytes on the port: below HTTP, below WebSocket, within it; the server serves on."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from fake_server import FakeServer, ServerConfig
from tests.fake_server.fuzz.frames import Generator
from tests.fake_server.stage import Stage

SEED = int(os.environ.get("FUZZ_SEED", "1"))
CONNECTIONS = 600
_AT_ONCE = 20
_PATIENCE_S = 10.0
_HEADS = (
    b"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: realtime-dev.localhost\r\n\r\n",
    b"POST /realtime/v1/api/broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 15\r\n\r\n{"messages":[]}',
    b"POST /api/broadcast HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
)
_OPCODES = (0x81, 0x82) * 100 + (0x01, 0x80, 0x89, 0x8A, 0x88, 0x83, 0xC1)
"""Text and binary mostly; a fragment, a stray end of one, ping, pong, close, unknown, reserved."""


class Bytes:
    """What one connection sends."""

    def __init__(self, seed: int, server: FakeServer) -> None:
        self._rng = Random(seed)
        self._frames = Generator(seed, (server.apikey,))
        path = f"/realtime/v1/websocket?vsn=2.0.0&apikey={server.apikey}"
        self._heads = [head.replace(b"{path}", path.encode()) for head in _HEADS]
        ways: tuple[Callable[[], bytes], ...] = (
            self._noise,
            self._broken_head,
            self._broken_websocket,
            self._framed,
        )
        self.data = self._rng.choice(ways)()
        self.head = self._heads[0]
        self.waits = self.data.startswith(self.head) and self._rng.random() < 0.8
        """Whether it sends what follows its head after the answer only, as clients do."""
        self.in_pieces = self._rng.random() < 0.3
        self.reset = self._rng.random() < 0.3

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(2000))

    def _broken_head(self) -> bytes:
        head = bytearray(self._rng.choice(self._heads))
        for _ in range(self._rng.randint(1, 5)):
            head[self._rng.randrange(len(head))] = self._rng.randrange(256)
        whole = self._rng.random() < 0.7
        return bytes(head if whole else head[: self._rng.randrange(len(head))])

    def _broken_websocket(self) -> bytes:
        return self._heads[0] + self._rng.randbytes(self._rng.randrange(300))

    def _framed(self) -> bytes:
        """Frames of any opcode, masked or not, whole or in fragments, their lengths mostly true."""
        data = self._heads[0]
        for _ in range(40):
            frame = self._frames.frame()
            body = frame.encode(errors="surrogateescape") if isinstance(frame, str) else frame
            body = body[:60_000]
            first = self._rng.choice(_OPCODES)
            masked = 0x80 if self._rng.random() < 0.99 else 0
            length = len(body) + (self._rng.random() < 0.01)
            data += bytes([first, masked | 126]) + length.to_bytes(2) + b"\0\0\0\0" + body
        return data


async def attack(server: FakeServer, seed: int) -> None:
    """One connection: send, read what comes for a moment, and leave in some way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    what = Bytes(seed, server)
    head = what.head if what.waits else b""
    pieces = [what.data[at : at + 97] for at in range(len(head), len(what.data), 97)]
    try:
        if head:
            writer.write(head)
            await reader.readuntil(b"\r\n\r\n")
        for piece in pieces if what.in_pieces else [what.data[len(head) :]]:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(0.2):
            await reader.read()
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        if what.reset:
            writer.transport.abort()
        writer.close()


async def settled(server: FakeServer) -> None:
    """Wait until every connection is forgotten and every task of theirs has ended."""
    for _ in range(int(_PATIENCE_S / 0.05)):
        if not server.truth()["connections"] and len(asyncio.all_tasks()) == 1:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still there: {server.truth()['connections']}, {asyncio.all_tasks()}")


@pytest.mark.asyncio
async def test_any_bytes_are_survived_forgotten_and_not_told_at_length(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    happened: Counter[str] = Counter()
    server = FakeServer(
        ServerConfig(connect_error_delay_s=0.0, join_error_delay_s=0.0, users_max=10_000),
        on_truth=lambda f, value: happened.update([f]),
    )
    await server.start()
    for first in range(0, CONNECTIONS, _AT_ONCE):
        seeds = range(SEED * 1_000_003 + first, SEED * 1_000_003 + first + _AT_ONCE)
        await asyncio.gather(*(attack(server, seed) for seed in seeds))
    await settled(server)
    assert server.membership() == []
    told = [record for record in caplog.records if record.name.startswith("fake_server")]
    assert happened["frame"] > 2 * CONNECTIONS, "the bytes have to get somewhere"
    assert len(told) <= CONNECTIONS, "more than a line for each connection"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    alice = await Stage(server).joined("alice")
    await alice.heartbeat()
    assert await alice.status(_PATIENCE_S) == "ok"
    await server.stop()
