"""One end of a connection, as asyncio programs know it; the rest is in `test_fidelity`."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import cast

import pytest

from harness.sim import SimLoop, run
from tests.sim.echo import PORT, Pair, Recorder, play

who: ContextVar[str] = ContextVar("who", default="nobody")


def test_callbacks_run_in_the_context_of_their_own_side() -> None:
    """On a real loop the sender's context never travels to the receiver."""
    seen: dict[str, str] = {}

    class Server(Recorder):
        def data_received(self, data: bytes) -> None:
            seen["server"] = who.get()
            self.transport.write(b"back")

        def connection_lost(self, error: Exception | None) -> None:
            seen["server at the end"] = who.get()

    class Client(Recorder):
        def data_received(self, data: bytes) -> None:
            seen["client"] = who.get()
            self.transport.close()

    async def main(loop: SimLoop) -> None:
        who.set("server")
        await loop.create_server(Server, "server", PORT)
        who.set("client")
        _, client = await loop.create_connection(Client, "server", PORT)
        who.set("writer")
        client.transport.write(b"there")
        await asyncio.sleep(10)

    run(main)
    assert seen == {"server": "server", "client": "client", "server at the end": "server"}


def test_reading_may_pause_in_the_middle_of_a_burst() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        server.transport.pause_reading()
        for letter in (b"a", b"b", b"c"):
            client.transport.write(letter)
        await asyncio.sleep(1)
        assert server.received == b""
        server.transport.resume_reading()
        server.transport.pause_reading()
        await asyncio.sleep(1)
        assert server.received == b""
        server.transport.resume_reading()
        await asyncio.sleep(1)
        assert server.received == b"abc"

    play(body)


def test_an_end_knows_its_own_address_and_the_other_one() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        names = [
            (end.transport.get_extra_info("sockname"), end.transport.get_extra_info("peername"))
            for end in (client, server)
        ]
        assert names[0] == tuple(reversed(names[1]))
        assert names[0][1] == ("server", PORT)

    play(body)


def test_streams_work_as_they_are() -> None:
    async def main(loop: SimLoop) -> bytes:
        async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(shout, "server", PORT):
            reader, writer = await asyncio.open_connection("server", PORT)
            writer.write(b"hello")
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

    assert run(main) == b"HELLO"


def test_a_closed_server_refuses_and_waits_for_its_connections() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        client, server = await pair.dial()
        pair.server.close()
        with pytest.raises(ConnectionRefusedError):
            await pair.dial()
        closed = asyncio.ensure_future(pair.server.wait_closed())
        await asyncio.sleep(1)
        assert not closed.done()
        client.transport.close()
        await closed
        assert server.events == ["made", "eof", "lost(NoneType, None)"]

    play(body)


def test_a_server_that_closes_during_a_handshake_resets_the_client() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        def close_soon(outcome: str) -> None:
            loop.call_later(0.03, pair.server.close)

        loop.net.on_dial = close_soon
        _, client = await loop.create_connection(Recorder, "server", PORT)
        await asyncio.sleep(1)
        assert client.events == ["made", "lost(ConnectionResetError, 104)"]

    play(body)


def test_serving_for_ever_ends_when_cancelled() -> None:
    async def body(loop: SimLoop, pair: Pair) -> None:
        server = cast(asyncio.Server, pair.server)
        serving = asyncio.create_task(server.serve_forever())
        await pair.dial()
        serving.cancel()
        await asyncio.sleep(1)
        assert not server.is_serving()

    play(body)
