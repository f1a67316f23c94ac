"""The server as a whole, in virtual time: every lever, and every truth that it tells."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from fake_server import FakeServer
from fake_server.effects import Block, Effect, Hangup, Kill, Send, SendAll, Truth
from tests.fake_server.recorded_policies import RECORDED_SCHEMA
from tests.fake_server.stage import simulated, stage


async def _dial(uri: str) -> ClientConnection:
    return await connect(uri, proxy=None)


@simulated
async def test_the_truth_tells_a_session_from_handshake_to_disconnect() -> None:
    async with stage() as s:
        alice = await s.client()
        token = s.server.token("alice", "token-1")
        await alice.join("room", access_token=token)
        await alice.status()
        body = {"type": "broadcast", "event": "shot", "payload": {"id": 7}}
        await alice.push("realtime:room", "broadcast", body, "1")
        await alice.push("realtime:room", "phx_leave", {}, "1")
        await alice.join("hall")
        await asyncio.sleep(1)
        await alice.socket.close(4001)
        await asyncio.sleep(1)

        who = {"conn": 1, "client": "alice"}
        room = {**who, "topic": "room", "join_ref": "1"}
        hall = {**who, "topic": "hall", "join_ref": "4"}
        assert s.truth == [
            ("handshake", who),
            ("frame", {**room, "event": "phx_join", "ref": "1", "id": None}),
            ("join", {**room, "token_id": "token-1"}),
            ("frame", {**room, "event": "broadcast", "ref": "2", "id": 7}),
            ("frame", {**room, "event": "phx_leave", "ref": "3", "id": None}),
            ("leave", {**room, "by": "client"}),
            ("frame", {**hall, "event": "phx_join", "ref": "4", "id": None}),
            ("join", {**hall, "token_id": "apikey-alice"}),
            ("disconnect", {**who, "code": 4001, "by": "client"}),
            ("leave", {**hall, "by": "disconnect"}),
        ]


@simulated
async def test_membership_is_who_is_joined_now() -> None:
    async with stage() as s:
        await s.joined("alice")
        bob = await s.joined("bob")
        await bob.join("hall")
        await bob.status()
        await bob.push("realtime:room", "phx_leave", {}, "1")
        await bob.status()
        assert s.server.membership() == [
            {"conn": 1, "client": "alice", "topic": "room", "join_ref": "1"},
            {"conn": 2, "client": "bob", "topic": "hall", "join_ref": "2"},
        ]


@simulated
async def test_a_duplicate_join_is_told_as_a_leave_of_the_old_join() -> None:
    async with stage() as s:
        alice = await s.joined()
        join_ref = await alice.join("room")
        assert await alice.next() == [
            join_ref,
            join_ref,
            "realtime:room",
            "phx_reply",
            {"status": "ok", "response": {"postgres_changes": []}},
        ]
        assert await alice.next() == ["1", "1", "realtime:room", "phx_close", {}]
        assert [(leave["join_ref"], leave["by"]) for leave in s.told("leave")] == [
            ("1", "duplicate")
        ]
        assert [member["join_ref"] for member in s.server.membership()] == [join_ref]


@simulated
async def test_stop_drops_connections_without_a_close_frame_and_start_takes_the_same_port() -> None:
    async with stage() as s:
        alice = await s.joined()
        await s.server.stop()
        assert await alice.close_code() == 1006
        assert s.server.membership() == []
        assert s.told("disconnect") == [
            {"conn": 1, "client": "alice", "code": 1006, "by": "server"}
        ]
        with pytest.raises(ConnectionRefusedError):
            await s.client()
        await s.server.start("server")
        assert s.server.port == 4000
        await s.joined()
        assert [join["conn"] for join in s.told("join")] == [1, 2]


@simulated
async def test_stop_does_not_wait_for_an_upgrade_that_is_being_refused() -> None:
    async with stage(connect_error_delay_s=1000.0) as s:
        dialling = asyncio.create_task(_dial(f"{s.server.url}/websocket?apikey=junk"))
        await asyncio.sleep(1)
        started_s = asyncio.get_running_loop().time()
        await s.server.stop()
        assert asyncio.get_running_loop().time() - started_s < 10
        with pytest.raises(InvalidMessage):
            await dialling
        assert s.told("refused") == []


@simulated
async def test_a_server_that_runs_cannot_be_started_again() -> None:
    async with stage() as s:
        with pytest.raises(RuntimeError, match="the server runs already"):
            await s.server.start("server")


@simulated
async def test_drain_closes_in_batches_and_accepts_new_connections() -> None:
    async with stage() as s:
        old = [await s.joined(f"client-{number}") for number in range(3)]
        draining = asyncio.create_task(s.server.drain(batch=2, gap_s=10.0))
        await asyncio.sleep(1)
        assert [told["conn"] for told in s.told("disconnect")] == [1, 2]
        fresh = await s.joined("fresh")
        await draining
        assert [await client.close_code() for client in old] == [1012, 1012, 1012]
        await fresh.heartbeat()
        assert await fresh.status() == "ok"


@simulated
async def test_a_batch_of_none_is_refused() -> None:
    async with stage() as s:
        with pytest.raises(ValueError, match="batch: 0 connections"):
            await s.server.drain(batch=0)


@simulated
async def test_close_connections_sends_the_code_to_all() -> None:
    async with stage() as s:
        clients = [await s.joined("alice"), await s.client("bob")]
        await s.server.close_connections(1011)
        assert [await client.close_code() for client in clients] == [1011, 1011]
        assert [(told["code"], told["by"]) for told in s.told("disconnect")] == [
            (1011, "server")
        ] * 2


@simulated
async def test_a_muted_connection_still_answers_pings_but_never_a_frame() -> None:
    """The fault that no library notices which trusts WebSocket pings."""
    async with stage() as s:
        alice = await s.joined("alice")
        s.server.mute_live()
        bob = await s.joined("bob")
        s.server.heal()
        await alice.heartbeat()
        s.server.publish("room", "shot", {"id": 1})
        pong = await alice.socket.ping()
        await asyncio.wait_for(pong, 1)
        assert await alice.next(within_s=30) is None
        assert (await bob.next())[3] == "broadcast"
        frames = [told["event"] for told in s.told("frame") if told["client"] == "alice"]
        assert frames == ["phx_join", "heartbeat"]


@simulated
async def test_mute_silences_new_connections_too_until_it_is_taken_back() -> None:
    async with stage() as s:
        s.server.mute(True)
        alice = await s.client()
        await alice.heartbeat()
        assert await alice.next(within_s=30) is None
        s.server.mute(False)
        await alice.heartbeat()
        assert (await alice.next())[1] == "2"


@simulated
async def test_a_frozen_connection_hears_nothing_and_stays_open_and_new_ones_work() -> None:
    async with stage() as s:
        alice = await s.joined("alice")
        s.server.freeze_live()
        await alice.heartbeat()
        pong = asyncio.ensure_future(await alice.socket.ping())
        bob = await s.joined("bob")
        s.server.publish("room", "shot", {"id": 1})
        assert await alice.next(within_s=300) is None
        assert not pong.done()
        assert (await bob.next())[3] == "broadcast"
        assert await bob.close_code() == 1000
        assert [told["by"] for told in s.told("disconnect")] == ["server", "server"]
        assert s.server.membership() == []
        pong.cancel()


@simulated
async def test_late_joins_block_the_socket_and_keep_the_order() -> None:
    """A leave that follows the join must not overtake it: it would be answered for nothing."""
    async with stage() as s:
        alice = await s.client()
        s.server.answer_joins_late(11.5, count=1)
        await alice.join("room")
        await alice.heartbeat()
        await alice.push("realtime:room", "phx_leave", {}, "1")
        assert await alice.next(within_s=11) is None
        assert s.server.membership() == []
        frames = [await alice.next() for _ in range(4)]
        assert [frame[3] for frame in frames] == [
            "phx_reply",
            "phx_reply",
            "phx_reply",
            "phx_close",
        ]
        assert [frame[1] for frame in frames] == ["1", "2", "3", "1"]
        await alice.join("room")
        assert await alice.status() == "ok"


@simulated
async def test_a_blocked_socket_keeps_what_is_sent_to_it_until_its_join_is_answered() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.answer_joins_late(5.0)
        await alice.join("hall")
        await asyncio.sleep(1)
        assert s.server.publish("room", "shot", {"id": 1}) == 1
        assert [(await alice.next(within_s=10))[3] for _ in range(2)] == ["phx_reply", "broadcast"]


@simulated
async def test_upgrades_are_refused_with_the_status_and_the_time_to_wait() -> None:
    async with stage() as s:
        s.server.refuse_upgrades(503, retry_after_s=7)
        with pytest.raises(InvalidStatus) as refused:
            await s.client()
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "7"
        assert s.told("refused") == [{"status": 503, "client": "alice"}]
        s.server.refuse_upgrades(None)
        await s.joined()


@simulated
async def test_accepted_connections_are_closed_at_once() -> None:
    async with stage() as s:
        s.server.accept_then_close(1011)
        alice = await s.client()
        assert await alice.close_code() == 1011
        assert [f for f, _ in s.truth] == ["handshake", "disconnect"]
        s.server.accept_then_close(None)
        await s.joined()


@simulated
async def test_heal_takes_back_every_lever_that_can_be() -> None:
    async with stage() as s:
        s.server.mute(True)
        s.server.answer_joins_late(100.0)
        s.server.refuse_upgrades(503)
        s.server.accept_then_close(1011)
        s.server.heal()
        await s.joined()


@simulated
async def test_publish_reaches_the_public_channels_of_the_sub_topic() -> None:
    async with stage(schema=RECORDED_SCHEMA) as s:
        alice = await s.joined("alice", "priv-room")
        carol = await s.client("carol")
        token = s.server.token("carol", "t")
        await carol.join("priv-room", config={"private": True}, access_token=token)
        assert await carol.status() == "ok"
        assert s.server.publish("priv-room", "shot", {"id": 1}) == 1
        body = {"event": "shot", "payload": {"id": 1}, "type": "broadcast"}
        assert await alice.next() == [None, None, "realtime:priv-room", "broadcast", body]
        assert await carol.next() is None
        assert s.server.publish("nowhere", "shot", {}) == 0


@simulated
async def test_a_channel_ends_when_its_token_runs_out() -> None:
    async with stage() as s:
        alice = await s.client()
        await alice.join("room", access_token=s.server.token("alice", "short", lifetime_s=20))
        assert await alice.status() == "ok"
        assert await alice.next(within_s=18) is None
        frame = await alice.next(within_s=3)
        assert frame[3] == "system"
        assert frame[4]["message"] == "Token has expired 0 seconds ago"
        assert await alice.next() == ["1", "1", "realtime:room", "phx_close", {}]
        assert [told["by"] for told in s.told("leave")] == ["server"]


@simulated
async def test_a_new_token_prolongs_the_channel_without_an_answer() -> None:
    async with stage(idle_timeout_s=10_000.0) as s:
        alice = await s.client()
        await alice.join("room", access_token=s.server.token("alice", "first", lifetime_s=20))
        assert await alice.status() == "ok"
        token = {"access_token": s.server.token("alice", "second", lifetime_s=2000)}
        await alice.push("realtime:room", "access_token", token, "1")
        assert await alice.next(within_s=1900) is None
        assert (await alice.next(within_s=200))[4]["message"] == "Token has expired 0 seconds ago"


def test_the_repr_of_the_config_does_not_hold_the_secret() -> None:
    config = FakeServer().config
    assert config.jwt_secret not in repr(config)


@pytest.mark.asyncio
async def test_what_is_for_a_wire_that_has_just_gone_harms_nobody() -> None:
    """Between the end of a socket and the word of it, others may still broadcast to its channel."""
    truths: list[str] = []
    server = FakeServer(on_truth=lambda f, _: truths.append(f))
    gone: list[Effect] = [
        Send(7, "x"),
        SendAll([7, 8], "x"),
        Hangup(7, 1000),
        Kill(7),
        Block(7, 1.0),
    ]
    server._project.shell.perform([*gone, Truth("still", {})])
    assert truths == ["still"]
