"""The same small programs on the real loop over loopback and on the simulated one: equal events.

This is what makes a simulated result believable. Each program gives what it saw, in words: close
codes, exceptions with their causes, errno, calls of the protocol.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from harness.sim import run
from tests.sim.echo import Recorder

HOST = "127.0.0.1"
LINGER_0 = struct.pack("ii", 1, 0)
PATIENCE_S = 10


def describe(error: BaseException) -> str:
    """An exception in words that are the same in both worlds."""
    words = [type(error).__name__]
    if isinstance(error, ConnectionClosed):
        words += [f"received {error.rcvd}", f"sent {error.sent}"]
    if isinstance(error, OSError):
        words.append(errno.errorcode.get(error.errno or 0, "no errno"))
    if error.__cause__ is not None:
        words.append(f"because of {describe(error.__cause__)}")
    return ", ".join(words)


async def outcome(awaitable: Awaitable[object]) -> str:
    """The result in words, or the exception."""
    try:
        return str(await asyncio.wait_for(awaitable, PATIENCE_S))[:40]
    except Exception as error:
        return describe(error)


def reset(transport: asyncio.BaseTransport) -> None:
    """RST, by the means that every program has."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    cast(asyncio.Transport, transport).abort()


# WebSockets.


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


Sides = tuple[ClientConnection, ServerConnection]


@asynccontextmanager
async def websockets() -> AsyncIterator[Sides]:
    """A client and its server's side, after a first echo."""
    accepted: list[ServerConnection] = []

    async def handler(connection: ServerConnection) -> None:
        accepted.append(connection)
        await echo(connection)

    async with serve(handler, HOST, 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://{HOST}:{port}", close_timeout=2) as client:
            await client.send("first")
            await client.recv()
            yield client, accepted[0]


async def aftermath(client: ClientConnection, server: ServerConnection) -> list[str]:
    """How each side has come to its end."""
    return [
        await outcome(client.recv()),
        await outcome(client.send("late")),
        await outcome(client.wait_closed()),
        await outcome(server.wait_closed()),
        f"client closed with {client.close_code}, server with {server.close_code}",
    ]


async def server_closes_1000(client: ClientConnection, server: ServerConnection) -> None:
    await server.close()


async def server_closes_1012(client: ClientConnection, server: ServerConnection) -> None:
    await server.close(1012, "restart")


async def server_shuts_down(client: ClientConnection, server: ServerConnection) -> None:
    server.server.close()


async def server_resets(client: ClientConnection, server: ServerConnection) -> None:
    reset(server.transport)


async def server_aborts(client: ClientConnection, server: ServerConnection) -> None:
    server.transport.abort()


async def server_sends_fin(client: ClientConnection, server: ServerConnection) -> None:
    server.transport.close()


async def client_closes(client: ClientConnection, server: ServerConnection) -> None:
    await client.close(4000, "enough")


async def client_aborts(client: ClientConnection, server: ServerConnection) -> None:
    client.transport.abort()


async def client_resets(client: ClientConnection, server: ServerConnection) -> None:
    reset(client.transport)


async def message_too_big(client: ClientConnection, server: ServerConnection) -> None:
    await outcome(client.send("y" * 3_000_000))
    await server.wait_closed()


async def not_utf8(client: ClientConnection, server: ServerConnection) -> None:
    await client.send(b"\xff", text=True)
    await server.wait_closed()


ENDINGS = (
    server_closes_1000,
    server_closes_1012,
    server_shuts_down,
    server_resets,
    server_aborts,
    server_sends_fin,
    client_closes,
    client_aborts,
    client_resets,
    message_too_big,
    not_utf8,
)


async def dial(server: asyncio.AbstractServer, **options: Any) -> list[str]:
    port = cast(asyncio.Server, server).sockets[0].getsockname()[1]
    return [await outcome(connect(f"ws://{HOST}:{port}", **options))]


async def refused() -> list[str]:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return [await outcome(connect(f"ws://{HOST}:{port}"))]


async def answered_403() -> list[str]:
    async def forbid(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.FORBIDDEN, "no\n")

    async with serve(echo, HOST, 0, process_request=forbid) as server:
        return await dial(server.server)


async def no_common_subprotocol() -> list[str]:
    async with serve(echo, HOST, 0, subprotocols=[Subprotocol("ours")]) as server:
        return await dial(server.server, subprotocols=[Subprotocol("theirs")])


async def accepted_and_closed() -> list[str]:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(close, HOST, 0) as server:
        return await dial(server)


async def accepted_and_reset() -> list[str]:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reset(writer.transport)

    async with await asyncio.start_server(close, HOST, 0) as server:
        return await dial(server)


async def answered_with_another_protocol() -> list[str]:
    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.org ESMTP\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(smtp, HOST, 0) as server:
        return await dial(server)


# Plain TCP.


@asynccontextmanager
async def tcp(
    make_client: Callable[[], Recorder] = Recorder, make_server: Callable[[], Recorder] = Recorder
) -> AsyncIterator[tuple[Recorder, Recorder]]:
    """Both ends of a connection."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Queue[Recorder] = asyncio.Queue()

    def accept() -> Recorder:
        end = make_server()
        accepted.put_nowait(end)
        return end

    server = await loop.create_server(accept, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    _, client = await loop.create_connection(make_client, HOST, port)
    peer = await accepted.get()
    yield client, peer
    for end in (client, peer):
        if not end.gone.done():
            end.transport.abort()
            await end.gone
    server.close()
    await server.wait_closed()


async def until(condition: Callable[[], object]) -> None:
    async def hold() -> None:
        while not condition():  # noqa: ASYNC110 (it waits for the kernel, which sets no event)
            await asyncio.sleep(0.01)

    await asyncio.wait_for(hold(), PATIENCE_S)


def keeps_half_open() -> Recorder:
    return Recorder(keeps_half_open=True)


async def one_way_closed() -> list[str]:
    """After its FIN, an end still hears the other."""
    async with tcp(make_server=keeps_half_open) as (client, server):
        client.transport.write(b"question")
        client.transport.write_eof()
        await until(lambda: "eof" in server.events)
        server.transport.write(b"answer")
        server.transport.close()
        await client.gone
        return [*client.events, client.received.decode(), *server.events]


async def slow_reader() -> list[str]:
    """Who does not read pauses who writes, and loses nothing."""
    size = 50_000_000
    async with tcp() as (client, server):
        server.transport.pause_reading()
        client.transport.write(bytes(size))
        await asyncio.sleep(0.1)
        seen = [*client.events, f"waits: {client.transport.get_write_buffer_size() > 0}"]
        server.transport.resume_reading()
        await until(lambda: server.received_bytes == size)
        return [*seen, *client.events]


async def closed_while_writing() -> list[str]:
    """What was written before close() still arrives."""
    size = 5_000_000
    async with tcp() as (client, server):
        client.transport.write(bytes(size))
        client.transport.close()
        client.transport.write(b"late")
        await outcome(server.gone)
        return [str(len(server.received) >= size), *server.events, *client.events]


async def closed_with_unread_bytes() -> list[str]:
    """The kernel tells the peer that it was not heard: RST, not FIN."""
    async with tcp() as (client, server):
        server.transport.pause_reading()
        client.transport.write(b"unread")
        await asyncio.sleep(0.1)
        server.transport.abort()
        await client.gone
        return [*client.events, *server.events]


async def written_to_a_closed_end() -> list[str]:
    """The closed end answers with an RST, which the next write meets."""
    async with tcp(make_client=keeps_half_open) as (client, server):
        server.transport.close()
        await until(lambda: "eof" in client.events)
        client.transport.write(b"one")
        await asyncio.sleep(0.1)
        seen = [*client.events]
        client.transport.write(b"two")
        await asyncio.sleep(0.1)
        return [*seen, *client.events]


async def reset_while_not_reading() -> list[str]:
    """Who does not read learns of an RST by writing."""
    async with tcp() as (client, server):
        client.transport.pause_reading()
        reset(server.transport)
        await asyncio.sleep(0.1)
        seen = [*client.events]
        client.transport.write(b"x")
        await client.gone
        return [*seen, *client.events]


class Raising(Recorder):
    def data_received(self, data: bytes) -> None:
        raise LookupError


async def protocol_raises() -> list[str]:
    """An exception in `data_received` ends the connection, and goes to the loop's handler."""
    handled: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: handled.append(describe(context["exception"])))
    async with tcp(make_server=Raising) as (client, server):
        client.transport.write(b"x")
        await client.gone
        await server.gone
        return [*handled, *client.events, *server.events]


async def misuse() -> list[str]:
    async with tcp() as (client, _):
        seen = []
        client.transport.write_eof()
        for data in (b"late", "text"):
            try:
                client.transport.write(cast(bytes, data))
            except Exception as error:
                seen.append(describe(error))
        return seen


async def port_in_use() -> list[str]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        return [await outcome(loop.create_server(asyncio.Protocol, HOST, port))]
    finally:
        server.close()


PROGRAMS = (
    refused,
    answered_403,
    no_common_subprotocol,
    accepted_and_closed,
    accepted_and_reset,
    answered_with_another_protocol,
    one_way_closed,
    slow_reader,
    closed_while_writing,
    closed_with_unread_bytes,
    written_to_a_closed_end,
    reset_while_not_reading,
    protocol_raises,
    misuse,
    port_in_use,
)


def in_both_worlds(program: Callable[[], Any]) -> tuple[list[str], list[str]]:
    real = asyncio.run(asyncio.wait_for(program(), 3 * PATIENCE_S))
    return real, run(lambda loop: program(), limit_s=3600)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
def test_a_websocket_ends_as_over_loopback(
    end: Callable[[ClientConnection, ServerConnection], Awaitable[None]],
) -> None:
    async def program() -> list[str]:
        async with websockets() as (client, server):
            await end(client, server)
            return await aftermath(client, server)

    real, simulated = in_both_worlds(program)
    assert simulated == real


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_sees_what_it_sees_over_loopback(
    program: Callable[[], Awaitable[list[str]]],
) -> None:
    real, simulated = in_both_worlds(program)
    assert simulated == real
    assert real
