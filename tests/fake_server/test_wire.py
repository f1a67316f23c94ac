"""One WebSocket as Cowboy keeps it: idle closes, sizes, fragments, and clients that do not read."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.frames import Frame, Opcode

from tests.fake_server.stage import Stage, in_simulation, simulated, stage


@simulated
async def test_silence_of_sixty_seconds_and_a_tick_closes_with_1000() -> None:
    """Ten ticks of 6 s without a byte, and the one after them: 60 to 66 s (recorded: 66)."""
    loop = asyncio.get_running_loop()
    async with stage() as s:
        alice = await s.client()
        opened_s = loop.time()
        await asyncio.sleep(20)
        await alice.heartbeat()
        heard_s = loop.time()
        assert await alice.close_code(within_s=200) == 1000
        assert 60 <= loop.time() - heard_s <= 67
        assert abs((loop.time() - opened_s) % 6) < 1
        assert s.told("disconnect")[0]["by"] == "server"


@simulated
async def test_what_the_server_sends_does_not_keep_a_connection_and_pings_do() -> None:
    async with stage() as s:
        alice, bob = await s.joined("alice"), await s.joined("bob")
        for number in range(7):
            await asyncio.sleep(10)
            s.server.publish("room", "shot", {"id": number})
            await (await bob.socket.ping())
        assert [told["client"] for told in s.told("disconnect")] == ["alice"]
        assert await alice.close_code() == 1000


@simulated
async def test_a_frame_that_is_too_large_closes_with_1009_and_no_reason() -> None:
    async with stage(frame_bytes_max=1000) as s:
        alice = await s.client()
        await alice.socket.send("x" * 1001)
        assert await alice.close_code() == 1009
        assert alice.socket.close_reason == ""
        assert s.told("disconnect") == [
            {"conn": 1, "client": "alice", "code": 1009, "by": "server"}
        ]


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"", 1005),
        ((1000).to_bytes(2) + b"bye", 1000),
        ((1011).to_bytes(2) + b"\xff\xfe", 1011),
        ((3000).to_bytes(2), 3000),
        ((4999).to_bytes(2), 4999),
        ((999).to_bytes(2), 1002),
        ((1005).to_bytes(2), 1002),
        ((1012).to_bytes(2), 1002),
        ((2999).to_bytes(2), 1002),
        ((5000).to_bytes(2), 1002),
        (b"\x03", 1002),
    ],
)
def test_a_close_is_echoed_unless_its_code_is_none_that_cowboy_knows(
    payload: bytes, answer: int
) -> None:
    async def story() -> None:
        async with stage() as s:
            alice = await s.client()
            alice.socket.transport.write(Frame(Opcode.CLOSE, payload).serialize(mask=True))
            code = await alice.close_code()
            assert code == answer

    in_simulation(story)


@simulated
async def test_a_close_may_come_amid_a_fragmented_message() -> None:
    async with stage() as s:
        alice = await s.client()
        for frame in (
            Frame(Opcode.TEXT, b"[", fin=False),
            Frame(Opcode.CLOSE, (1000).to_bytes(2)),
        ):
            alice.socket.transport.write(frame.serialize(mask=True))
        assert await alice.close_code() == 1000


@simulated
async def test_bad_utf8_and_bad_json_are_dropped_and_the_socket_lives() -> None:
    async with stage() as s:
        alice = await s.client()
        await alice.socket.send(b'\xff\xfe"', text=True)
        await alice.socket.send(b'[null,"1","phoenix","heart\xffbeat",{}]', text=True)
        await alice.socket.send("{")
        await alice.heartbeat()
        assert (await alice.next())[1] == "1"
        assert [told["event"] for told in s.told("frame")] == [None, None, None, "heartbeat"]


@simulated
async def test_a_message_in_fragments_is_one_message() -> None:
    async with stage() as s:
        alice = await s.client()
        await alice.socket.send(iter(['[null,"1","phoe', 'nix","heartbeat"', ",{}]"]))
        assert await alice.status() == "ok"


@simulated
async def test_a_reply_comes_before_the_echo_of_the_close_that_followed_its_request() -> None:
    async with stage() as s:
        alice = await s.client()
        protocol = alice.socket.protocol
        protocol.send_text(json.dumps([None, "1", "phoenix", "heartbeat", {}]).encode())
        protocol.send_close(1000, "bye")
        alice.socket.transport.write(b"".join(protocol.data_to_send()))
        assert await alice.status() == "ok"
        assert await alice.close_code() == 1000
        assert alice.socket.close_reason == ""


@simulated
async def test_a_client_that_does_not_read_is_dropped_at_the_bound_and_that_is_told() -> None:
    async with stage(outbox_bytes_max=300_000, idle_timeout_s=1e6) as s:
        alice = await s.joined("alice")
        bob = await s.joined("bob")
        s.server.answer_joins_late(1000.0, count=1)
        await alice.join("hall")
        await asyncio.sleep(1)
        for number in range(10):
            s.server.publish("room", "shot", {"id": number, "pad": "x" * 100_000})
            await asyncio.sleep(1)
        dropped = {"conn": 1, "client": "alice", "code": 1006, "by": "server"}
        assert s.told("disconnect") == [dropped]
        received = [(await bob.next())[4]["payload"]["id"] for _ in range(10)]
        assert received == list(range(10))


@simulated
async def test_a_connection_lost_without_a_close_frame_is_told_as_the_networks_doing() -> None:
    async with stage() as s:
        alice = await s.joined()
        alice.socket.transport.abort()
        await asyncio.sleep(1)
        assert s.told("disconnect") == [
            {"conn": 1, "client": "alice", "code": 1006, "by": "network"}
        ]
        assert [told["by"] for told in s.told("leave")] == ["disconnect"]


@pytest.mark.parametrize("closes", [False, True])
def test_a_client_that_does_not_wait_for_the_handshake_does_no_harm(
    closes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames in the segment of the upgrade arrive before the connection has a number."""

    async def story() -> None:
        async with stage() as s:
            reader, writer = await asyncio.open_connection(s.server.host, s.server.port)
            close = bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]) if closes else b""
            writer.write(_upgrade(s) + _masked(b'[null,"1","phoenix","heartbeat",{}]') + close)
            await asyncio.sleep(1)
            writer.close()
            answer = await reader.read()
            await asyncio.sleep(10)
            assert (b'"phx_reply"' in answer) is not closes
            told = [] if closes else ["handshake", "frame", "disconnect"]
            assert [f for f, _ in s.truth] == told

    in_simulation(story)
    assert caplog.text == ""


def _upgrade(s: Stage) -> bytes:
    return (
        f"GET /realtime/v1/websocket?apikey={s.server.key('alice')}&vsn=2.0.0 HTTP/1.1\r\n"
        "Host: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def _masked(text: bytes) -> bytes:
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@simulated
async def test_joins_that_came_with_a_refused_one_are_answered_before_the_socket_is_closed() -> (
    None
):
    """Recorded: each refusal blocks the socket; what was broadcast meanwhile is never written, and
    joins that come later are not read."""
    async with stage(joins_per_s_max=1) as s:
        alice = await s.joined("alice", topic="room-0")
        for number in range(1, 10):
            await alice.join(f"room-{number}")
            assert await alice.status() == "ok"
        await asyncio.sleep(6)
        for number in (10, 11):
            await alice.join(f"room-{number}")
        await asyncio.sleep(1)
        s.server.publish("room-0", "shot", {})
        await alice.join("room-12")
        heard = [await alice.next(within_s=6) for _ in range(2)]
        assert [frame[2] for frame in heard if frame] == ["realtime:room-10", "realtime:room-11"]
        assert [frame[4]["status"] for frame in heard if frame] == ["error", "ok"]
        assert await alice.close_code() == 1001


@simulated
async def test_what_waits_for_a_block_comes_after_what_was_read_before_it() -> None:
    async with stage() as s:
        alice = await s.joined("alice")
        s.server.answer_joins_late(5.0, count=1)
        await alice.join("hall")
        await alice.heartbeat()
        await asyncio.sleep(1)
        s.server.publish("room", "shot", {})
        events = [(await alice.next(within_s=6))[2:4] for _ in range(3)]
        assert events == [
            ["realtime:hall", "phx_reply"],
            ["phoenix", "phx_reply"],
            ["realtime:room", "broadcast"],
        ]
