"""The front of the port, in virtual time: one request after the other, and bounded patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from fake_server.http import Answer, Later, Request, Response
from fake_server.http.front import Front
from tests.fake_server.http_client import HttpConnection, ask
from tests.fake_server.stage import in_simulation, simulated, stage

PORT = 4000
_BAD_UPGRADE_HEADERS = ("cache-control", "content-length", "date", "server", "vary")
GET = b"GET /%d HTTP/1.1\r\nhost: h\r\n\r\n"


@dataclass
class Echo:
    """Answers each request with its path, `/later` when it is told to."""

    fronts: dict[Front, None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    later: Later | None = None
    big: int = 0

    def arrived(self, front: Front) -> None:
        self.fronts[front] = None

    def departed(self, front: Front) -> None:
        self.fronts.pop(front, None)

    def request_id(self) -> str:
        return "id"

    def now_s(self) -> float:
        return 0.0

    def answer(self, request: Request) -> Answer:
        self.asked.append(request.target)
        if request.target == "/later":
            self.later = Later(10.0, lambda: Response(200, body=b"too late"))
            return self.later
        return Response(200, body=request.target.encode() + b"x" * self.big)


@asynccontextmanager
async def echo() -> AsyncIterator[Echo]:
    owner = Echo()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        lambda: Front(owner, asyncio.Protocol), host="server", port=PORT
    )
    try:
        yield owner
    finally:
        listener.close()
        for front in list(owner.fronts):
            front.vanish()
        await listener.wait_closed()


async def raw(data: bytes) -> tuple[bytes, float]:
    """Send bytes, and read to the end: what came, and how long it took."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    reader, writer = await asyncio.open_connection("server", PORT)
    writer.write(data)
    came = await reader.read()
    writer.close()
    return came, loop.time() - started_s


@simulated
async def test_requests_that_come_at_once_are_answered_in_order() -> None:
    async with echo() as owner:
        count = 3000
        came, _ = await raw(b"".join(GET % i for i in range(count)))
        assert owner.asked == [f"/{i}" for i in range(count)]
        assert came.count(b"HTTP/1.1 200 OK") == count
        assert came.index(b"\r\n\r\n/1H") < came.index(b"\r\n\r\n/2H")


@simulated
async def test_a_request_that_comes_byte_by_byte_is_answered() -> None:
    async with echo():
        reader, writer = await asyncio.open_connection("server", PORT)
        for byte in GET % 7:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        assert (await reader.readuntil(b"/7")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


@simulated
async def test_who_asks_nothing_is_left_in_silence_after_five_seconds() -> None:
    async with echo() as owner:
        came, after_s = await raw(b"")
        assert (came, round(after_s)) == (b"", 5)
        came, after_s = await raw(b"GET / HTTP/1.1\r\nhost: h\r\n")
        assert came.startswith(b"HTTP/1.1 408 ")
        assert round(after_s) == 5
        await asyncio.sleep(1)
        assert owner.fronts == {}


@simulated
async def test_five_seconds_after_an_answer_the_connection_ends() -> None:
    async with echo() as owner:
        connection = await HttpConnection.open("server", PORT)
        await connection.ask("GET", "/1")
        await asyncio.sleep(4)
        await connection.ask("GET", "/2")
        assert len(owner.fronts) == 1
        assert await connection.reader.read() == b""
        connection.close()


@simulated
async def test_a_body_that_does_not_come_is_waited_for_15_seconds() -> None:
    async with echo():
        came, after_s = await raw(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nhalf")
        assert came.startswith(b"HTTP/1.1 408 ")
        assert round(after_s) == 15


@simulated
async def test_what_cannot_be_read_is_refused_and_the_connection_ends() -> None:
    """The refusal arrives although more comes than is read: no reset overtakes it."""
    async with echo() as owner:
        came, after_s = await raw(b"GET /" + b"x" * 300_000)
        assert came == (
            b"HTTP/1.1 414 Request-URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        assert after_s < 1
        assert owner.asked == []


@simulated
async def test_a_late_answer_comes_when_it_is_given_or_when_its_time_is_up() -> None:
    async with echo() as owner:
        loop = asyncio.get_running_loop()
        connection = await HttpConnection.open("server", PORT)
        asking = asyncio.create_task(connection.ask("GET", "/later"))
        await asyncio.sleep(3)
        assert owner.later is not None
        owner.later.give(Response(202, body=b"given"))
        owner.later.give(Response(202, body=b"given twice"))
        assert (await asking).body == b"given"
        started_s = loop.time()
        assert (await connection.ask("GET", "/later")).body == b"too late"
        assert round(loop.time() - started_s) == 10
        connection.close()


@simulated
async def test_who_answers_late_is_told_that_nobody_waits_any_more() -> None:
    async with echo() as owner:
        _, writer = await asyncio.open_connection("server", PORT)
        writer.write(GET.replace(b"%d", b"later"))
        await asyncio.sleep(1)
        assert owner.later is not None
        assert not owner.later.abandoned
        writer.close()
        await asyncio.sleep(1)
        assert owner.later.abandoned
        owner.later.give(Response(200))


@simulated
async def test_what_is_sent_ahead_of_an_answer_is_not_read_without_end() -> None:
    async with echo() as owner:
        _, writer = await asyncio.open_connection("server", PORT)
        writer.write(GET.replace(b"%d", b"later") + b"x" * 5_000_000)
        await asyncio.sleep(1)
        (front,) = owner.fronts
        assert 64 * 1024 < len(front._buffer) < 1024 * 1024
        writer.close()


@simulated
async def test_a_client_that_does_not_read_its_answers_is_dropped() -> None:
    async with echo() as owner:
        owner.big = 1_000_000
        _, writer = await asyncio.open_connection("server", PORT)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"".join(GET % i for i in range(100)))
        await asyncio.sleep(1)
        assert len(owner.asked) < 10
        await asyncio.sleep(60)
        assert owner.fronts == {}
        writer.close()


@simulated
async def test_a_connection_can_become_a_websocket_after_a_request() -> None:
    async with stage() as s:
        reader, writer = await asyncio.open_connection("server", PORT)
        target = f"/realtime/v1/websocket?apikey={s.server.apikey}"
        writer.write(
            b"GET /api/ping HTTP/1.1\r\nhost: realtime-dev.localhost\r\n\r\n"
            + f"GET {target} HTTP/1.1\r\nhost: server\r\nupgrade: websocket\r\n".encode()
            + b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
            + b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b'{"message":"Success"}' in await reader.readuntil(b"}")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert [truth["conn"] for truth in s.told("handshake")] == [1]
        writer.close()


@simulated
async def test_a_stopped_server_drops_every_connection() -> None:
    async with stage() as s:
        connection = await HttpConnection.open("server", PORT)
        await connection.ask("GET", "/")
        await s.server.stop()
        assert await connection.reader.read() == b""
        connection.close()


chunks = st.lists(
    st.binary(max_size=60)
    | st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /api/broadcast HTTP/1.1\r\n",
            b"host: realtime-dev.localhost\r\n",
            b"connection: upgrade\r\n",
            b"upgrade: websocket\r\n",
            b"content-length: 7\r\n",
            b"transfer-encoding: chunked\r\n",
            b"\r\n",
            b'{"messages":[{}]}',
        ]
    ),
    max_size=12,
)


@given(st.lists(chunks, max_size=5))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_the_server_goes_on_and_keeps_nothing(clients: list[list[bytes]]) -> None:
    async def story() -> None:
        broken: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: broken.append(what))
        async with stage() as s:
            for sent in clients:
                reader, writer = await asyncio.open_connection("server", PORT)
                for chunk in sent:
                    writer.write(chunk)
                    await asyncio.sleep(0.01)
                await reader.read()
                writer.close()
            await asyncio.sleep(30)
            assert s.server._port._open == {}
            host = {"host": "realtime-dev.localhost"}
            assert (await ask("server", PORT, "GET", "/api/ping", host)).status == 200
            socket = await connect(f"{s.server.url}/websocket?apikey={s.server.apikey}", proxy=None)
            await socket.close()
        assert broken == []

    in_simulation(story)


@simulated
async def test_an_upgrade_that_lacks_something_is_told_what_over_either_way_in() -> None:
    """Whether `connection` says upgrade decides who answers, not what the answer is."""
    async with stage() as s:
        target = f"/realtime/v1/websocket?apikey={s.server.apikey}"
        for connection in ("upgrade", "close, xupgrade"):
            reply = await ask("server", PORT, "GET", target, {"connection": connection})
            assert reply.status == 400
            assert sorted(reply.headers) == sorted(_BAD_UPGRADE_HEADERS)
        old, _ = await raw(f"GET {target} HTTP/1.0\r\nconnection: upgrade\r\n\r\n".encode())
        assert old.endswith(b"\r\n\r\nHTTP version HTTP/1.0 unsupported")
        post, _ = await raw(f"POST {target} HTTP/1.0\r\nconnection: upgrade\r\n\r\n".encode())
        assert post.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert post.endswith(b"\r\n\r\n")


@simulated
async def test_a_key_of_any_form_opens_a_websocket() -> None:
    async with stage() as s:
        reader, writer = await asyncio.open_connection("server", PORT)
        writer.write(
            f"GET /realtime/v1/websocket?apikey={s.server.apikey} HTTP/1.1\r\nhost: server\r\n"
            "upgrade: WebSocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-key: short\r\nsec-websocket-protocol: chat\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"protocol" not in head.lower().replace(b"switching protocols", b"")
        writer.close()
