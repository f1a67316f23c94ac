"""Every lever, pulled on a running server in virtual time, as a client feels it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from fake_server.handshake import CONNECT_ERRORS
from fake_server.levers.registry import LEVERS
from tests.fake_server.http_client import ask
from tests.fake_server.stage import Client, simulated, stage

_HEARTBEAT = "heartbeat", "phoenix"
_SENDER = LEVERS["drop"].parameters[0]
SHOT = {"type": "broadcast", "event": "shot", "payload": {"id": 7}}


async def broadcast(client: Client) -> None:
    """Send a broadcast that comes back, and is acknowledged."""
    await client.push("realtime:room", "broadcast", SHOT, "1")


async def events(client: Client, within_s: float = 1.0) -> list[str]:
    """The events of all the frames that come in time."""
    found = []
    while (frame := await client.next(within_s)) is not None:
        found.append(frame[3])
    return found


@simulated
async def test_late_answers_come_late_and_the_rest_overtakes_them() -> None:
    async with stage() as s:
        alice = await s.client()
        lever = s.server.pull("late", delay_s=3, answers="phx_join")
        await alice.join("room")
        await alice.heartbeat()
        assert (await alice.next())[2] == "phoenix"
        assert await alice.next(within_s=1.5) is None
        assert s.server.membership() != []
        assert (await alice.next(within_s=3))[1] == "1"
        assert lever.hits == 1


@simulated
async def test_a_late_frame_of_a_client_arrives_late() -> None:
    async with stage() as s:
        alice = await s.client()
        s.server.pull("late", sender="client", event="heartbeat", delay_s=5)
        await alice.heartbeat()
        await alice.join("room")
        assert await events(alice, 3) == ["phx_reply"]
        assert (await alice.next(within_s=3))[1] == "1"


@simulated
async def test_a_late_frame_for_a_connection_that_ended_is_lost_without_an_error() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("late", delay_s=3)
        s.server.pull("late", delay_s=3, sender="client", event="phx_leave")
        await alice.heartbeat()
        await alice.push("realtime:room", "phx_leave", {}, "1")
        await alice.socket.close()
        await asyncio.sleep(10)
        bob = await s.client("bob")
        await bob.heartbeat()
        assert await bob.next(within_s=4) is not None


@simulated
async def test_a_late_frame_waits_for_a_blocked_connection() -> None:
    """A frame that a rule brings late must not slip past a join that blocks the socket."""
    async with stage() as s:
        alice = await s.client()
        s.server.pull("late", sender="client", event="heartbeat", delay_s=1)
        s.server.pull("late_joins", delay_s=10)
        await alice.heartbeat()
        await alice.join("room")
        assert [(await alice.next(within_s=12))[1] for _ in range(2)] == ["2", "1"]


@simulated
async def test_dropped_frames_are_lost_either_way() -> None:
    async with stage() as s:
        alice = await s.joined()
        to_client = s.server.pull("drop", event="broadcast")
        await broadcast(alice)
        assert await events(alice) == ["phx_reply"]
        to_client.heal()
        s.server.pull("drop", sender="client", event="broadcast", count=1)
        await broadcast(alice)
        assert await events(alice) == []
        assert [told["event"] for told in s.told("frame")] == ["phx_join", "broadcast"]
        await broadcast(alice)
        assert await events(alice) == ["broadcast", "phx_reply"]


@simulated
async def test_duplicates_reach_the_client_and_the_server() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("duplicate", event="broadcast", times=2, count=1)
        await broadcast(alice)
        assert await events(alice) == ["broadcast"] * 3 + ["phx_reply"]
        s.server.pull("duplicate", sender="client", event="broadcast", count=1)
        await broadcast(alice)
        assert await events(alice) == ["broadcast", "phx_reply"] * 2


@simulated
async def test_frames_change_places() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("reorder", event="broadcast", nth=1)
        await broadcast(alice)
        assert await events(alice) == ["phx_reply", "broadcast"]


@simulated
async def test_a_frame_that_is_held_back_comes_when_the_lever_is_healed() -> None:
    async with stage() as s:
        alice = await s.joined()
        lever = s.server.pull("reorder")
        s.server.publish("room", "shot", {})
        assert await events(alice) == []
        lever.heal()
        assert await events(alice) == ["broadcast"]


@simulated
async def test_the_same_seed_corrupts_alike() -> None:
    async with stage() as s:
        alice = await s.joined()
        seen = []
        for seed in (5, 5, 6):
            lever = s.server.pull("corrupt", event="broadcast", seed=seed)
            s.server.publish("room", "shot", {"id": 1})
            seen.append(await alice.socket.recv())
            lever.heal()
        assert seen[0] == seen[1] != seen[2]


@simulated
async def test_an_oversize_frame_is_as_large_as_asked_and_still_a_message() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("oversize", event="broadcast", more_bytes=500_000)
        s.server.publish("room", "shot", {"id": 1})
        frame = await alice.socket.recv()
        assert len(frame) > 500_000
        assert json.loads(frame)[4]["event"] == "shot"


@simulated
async def test_heartbeats_alone_are_answered() -> None:
    async with stage() as s:
        alice = await s.joined("alice")
        bob = await s.joined("bob")
        s.server.pull("heartbeat_only", client="alice")
        await alice.heartbeat()
        await broadcast(alice)
        assert [(await alice.next())[2], await alice.next()] == ["phoenix", None]
        assert await events(bob) == ["broadcast"]
        assert len(s.server.membership()) == 2


@simulated
async def test_broadcasts_are_delivered_and_not_acknowledged() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("ack_omission", count=1)
        await broadcast(alice)
        assert await events(alice) == ["broadcast"]
        await broadcast(alice)
        assert await events(alice) == ["broadcast", "phx_reply"]


@simulated
async def test_a_join_in_error_is_answered_as_a_failing_one_and_joins_nothing() -> None:
    async with stage() as s:
        alice = await s.client()
        s.server.pull("err", reason="DatabaseLackOfConnections: later", topic="room", count=1)
        await alice.join("room")
        await alice.heartbeat()
        assert await alice.next(within_s=4) is None
        assert (await alice.next(within_s=3))[4] == {
            "status": "error",
            "response": {"reason": "DatabaseLackOfConnections: later"},
        }
        assert (await alice.next())[2] == "phoenix"
        assert s.server.membership() == []
        await alice.join("room")
        assert await alice.status() == "ok"


@simulated
async def test_another_request_in_error_does_nothing() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("err", event="phx_leave", reason="no")
        await alice.push("realtime:room", "phx_leave", {}, "1")
        assert (await alice.next())[4] == {"status": "error", "response": {"reason": "no"}}
        assert len(s.server.membership()) == 1


@simulated
async def test_a_silent_application_spares_the_others_and_speaks_again_when_healed() -> None:
    async with stage() as s:
        alice, bob = await s.joined("alice"), await s.joined("bob")
        s.server.pull("mute_app", client="alice", for_s=30)
        await alice.heartbeat()
        await bob.heartbeat()
        assert await bob.status() == "ok"
        await asyncio.wait_for(await alice.socket.ping(), 1)
        assert await alice.next(within_s=20) is None
        await asyncio.sleep(15)
        await alice.heartbeat()
        assert (await alice.next())[1] == "3"


@simulated
async def test_upgrades_of_one_client_are_refused() -> None:
    async with stage() as s:
        s.server.pull("http", status=429, retry_after_s=7, client="alice", count=1)
        with pytest.raises(InvalidStatus) as refused:
            await s.client("alice")
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"] == "7"
        await s.joined("bob")
        await s.joined("alice")


@simulated
async def test_every_second_handshake_is_closed_when_the_dice_say_so() -> None:
    async with stage() as s:
        lever = s.server.pull("accept_then_close", code=4401, share=0.5, seed=3)
        codes = [await (await s.client(f"c{n}")).close_code(within_s=1) for n in range(20)]
        assert codes.count(4401) == lever.hits
        assert 4 < lever.hits < 16


@simulated
async def test_a_restart_forgets_the_joins_and_takes_the_same_port() -> None:
    async with stage() as s:
        alice = await s.joined()
        lever = s.server.pull("restart", for_s=5)
        assert await alice.close_code() == 1006
        with pytest.raises(ConnectionRefusedError):
            await s.client()
        await asyncio.sleep(5)
        await lever.settled()
        await s.joined()
        assert s.server.port == 4000
        assert s.server.pulled == []


@simulated
async def test_a_restart_can_be_healed_at_once() -> None:
    async with stage() as s:
        lever = s.server.pull("restart")
        lever.heal()
        await lever.settled()
        await s.joined()


@simulated
async def test_a_server_that_is_stopped_does_not_rise_again_by_itself() -> None:
    async with stage() as s:
        s.server.pull("restart", for_s=5)
        await asyncio.sleep(1)
        await s.server.stop()
        await asyncio.sleep(10)
        with pytest.raises(ConnectionRefusedError):
            await s.client()
        assert s.server.pulled == []


@simulated
async def test_a_drain_goes_in_batches_and_ends_by_itself() -> None:
    async with stage() as s:
        clients = [await s.joined(f"c{number}") for number in range(4)]
        s.server.pull("drain", batch=2, gap_s=10)
        await asyncio.sleep(1)
        assert [told["conn"] for told in s.told("disconnect")] == [1, 2]
        assert [lever.name for lever in s.server.pulled] == ["drain"]
        assert await clients[3].close_code(within_s=30) == 1012
        assert s.server.pulled == []


@simulated
async def test_a_healed_drain_spares_the_rest() -> None:
    async with stage() as s:
        clients = [await s.joined(f"c{number}") for number in range(4)]
        lever = s.server.pull("drain", batch=2, gap_s=10)
        await asyncio.sleep(1)
        lever.heal()
        await lever.settled()
        assert await clients[3].close_code(within_s=30) is None


@simulated
async def test_a_clock_that_jumps_ends_tokens_and_one_that_is_healed_takes_them() -> None:
    async with stage() as s:
        alice = await s.client()
        await alice.join("room", access_token=s.server.token("alice", "short", lifetime_s=100))
        assert await alice.status() == "ok"
        token = s.server.token("alice", "second", lifetime_s=100)
        lever = s.server.pull("clock_jump", by_s=200)
        frame = await alice.next()
        assert (frame[3], frame[4]["status"]) == ("system", "error")
        assert await events(alice) == ["phx_close"]
        lever.heal()
        await alice.join("room", access_token=token)
        assert await alice.status() == "ok"


@simulated
async def test_live_connections_are_closed_or_killed_by_client_and_topic() -> None:
    async with stage() as s:
        alice, bob = await s.joined("alice"), await s.joined("bob", topic="hall")
        carol = await s.joined("carol")
        assert s.server.pull("memory_kill", topic="hall").hits == 1
        assert s.server.pull("close", client="alice", code=1001).hits == 1
        assert [await one.close_code(1) for one in (alice, bob, carol)] == [1001, 1006, None]
        assert [member["client"] for member in s.server.membership()] == ["carol"]
        assert s.server.pulled == []


@simulated
async def test_live_connections_are_muted_or_frozen_for_good() -> None:
    async with stage() as s:
        alice, bob = await s.joined("alice"), await s.joined("bob")
        carol = await s.joined("carol")
        s.server.pull("mute_live", client="alice")
        s.server.pull("freeze_live", client="bob")
        s.server.heal()
        for client in (alice, bob, carol):
            await client.heartbeat()
        assert [await one.next() is None for one in (alice, bob, carol)] == [True, True, False]
        await asyncio.wait_for(await alice.socket.ping(), 1)
        pong = asyncio.ensure_future(await bob.socket.ping())
        await asyncio.sleep(5)
        assert not pong.done()
        pong.cancel()


@simulated
async def test_an_unknown_event_comes_on_joined_channels() -> None:
    async with stage() as s:
        alice, bob = await s.joined("alice"), await s.joined("bob", topic="hall")
        s.server.pull("unknown_event", topic="ro*", name="surprise", payload={"a": 1})
        assert await alice.next() == ["1", None, "realtime:room", "surprise", {"a": 1}]
        assert await bob.next() is None


@simulated
async def test_a_stale_end_carries_an_earlier_join_ref_and_changes_nothing() -> None:
    async with stage() as s:
        alice = await s.joined()
        join_ref = await alice.join("room")
        await events(alice)
        assert s.server.pull("stale_close").hits == 1
        assert await alice.next() == ["1", "1", "realtime:room", "phx_close", {}]
        s.server.pull("stale_error")
        error = {"reason": "channel_crash"}
        assert await alice.next() == ["1", "1", "realtime:room", "phx_error", error]
        assert [member["join_ref"] for member in s.server.membership()] == [join_ref]


@simulated
async def test_limits_hold_while_the_lever_is_pulled() -> None:
    async with stage() as s:
        alice = await s.joined()
        lever = s.server.pull("limits", max_channels_per_client=1)
        await alice.join("hall")
        reply = await alice.next(within_s=6)
        assert reply[4]["response"]["reason"] == "ChannelRateLimitReached: Too many channels"
        lever.heal()
        await alice.join("hall")
        assert await alice.status() == "ok"


@simulated
async def test_a_tenant_that_is_reloaded_sends_everybody_away() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("tenant_reload")
        assert (await alice.next())[4]["message"] == "Server requested disconnect"
        assert await alice.close_code() == 1012


@simulated
async def test_healing_is_idempotent_and_the_last_lever_is_healed_first() -> None:
    async with stage() as s:
        first = s.server.pull("http", status=503)
        second = s.server.pull("http", status=429)
        with pytest.raises(InvalidStatus, match="429"):
            await s.client()
        second.heal()
        second.heal()
        with pytest.raises(InvalidStatus, match="503"):
            await s.client()
        assert s.server.pulled == [first]
        s.server.heal()
        await s.joined()


@simulated
async def test_the_old_methods_and_the_levers_are_one() -> None:
    """What the nemesis pulls shows among the levers, and is healed with them."""
    async with stage() as s:
        s.server.mute(True)
        s.server.answer_joins_late(5.0)
        s.server.answer_joins_late(6.0, count=2)
        s.server.refuse_upgrades(503, 7)
        s.server.accept_then_close(1011)
        assert [(one.name, one.parameters.get("delay_s")) for one in s.server.pulled] == [
            ("mute_app", None),
            ("late_joins", 6.0),
            ("http", None),
            ("accept_then_close", None),
        ]
        s.server.heal()
        assert s.server.pulled == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
def test_a_server_under_every_frame_lever_at_once_lives_and_heals(vsn: str, seed: int) -> None:
    frame_levers = [name for name, spec in LEVERS.items() if _SENDER in spec.parameters]

    @simulated
    async def story() -> None:
        async with stage() as s:
            mad = await s.client("mad", vsn)
            for sender in ("client", "server"):
                for number, name in enumerate(frame_levers):
                    needed: dict[str, Any] = {"delay_s": 2.0} if name == "late" else {}
                    drawn: dict[str, Any] = {"share": 0.4, "seed": 100 * seed + number}
                    s.server.pull(name, client="mad", sender=sender, **drawn, **needed)
            for number in range(60):
                ref = str(number)
                event, topic = ("phx_join", "realtime:room") if number % 4 else _HEARTBEAT
                fields = {"topic": topic, "event": event, "payload": {}, "ref": ref}
                as_v2 = [ref, ref, topic, event, {}]
                await mad.socket.send(json.dumps(fields if vsn == "1.0.0" else as_v2))
            await asyncio.sleep(400)
            assert all(lever.hits > 0 for lever in s.server.pulled)
            s.server.heal()
            sane = await s.joined("sane")
            await broadcast(sane)
            assert await events(sane) == ["broadcast", "phx_reply"]

    story()


@simulated
async def test_requests_for_a_path_are_refused_and_upgrades_are_not() -> None:
    async with stage() as s:
        key = {"apikey": s.server.key("alice")}
        lever = s.server.pull("http", status=429, retry_after_s=3, path="/rest/v1/*", nth=2)
        tables = "/rest/v1/course_generation_jobs"
        replies = [await ask("server", 4000, "GET", tables, key) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 429, 200]
        assert replies[1].headers["retry-after"] == "3"
        assert replies[1].json == {"message": "Too Many Requests"}
        lever.heal()
        s.server.pull("http", path="/auth/v1/token", client="alice")
        token = "/auth/v1/token?grant_type=password"
        assert (await ask("server", 4000, "POST", token, key)).status == 503
        bob = {"apikey": s.server.key("bob")}
        assert (await ask("server", 4000, "POST", token, bob)).status == 400
        assert (await ask("server", 4000, "OPTIONS", token)).status == 200
        await s.joined("alice")


@pytest.mark.parametrize("error", CONNECT_ERRORS)
def test_a_connection_is_refused_in_the_words_of_the_real_server_and_as_late(error: str) -> None:
    @simulated
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with stage() as s:
            s.server.pull("connect_error", error=error, client="alice", count=1)
            await s.client("bob")
            began_s = loop.time()
            with pytest.raises(InvalidStatus) as raised:
                await s.client("alice")
            response = raised.value.response
            assert response.status_code == CONNECT_ERRORS[error]
            assert json.loads(response.body) == {"error": error}
            assert response.headers["content-type"] == "application/json; charset=utf-8"
            assert 2 <= loop.time() - began_s < 2.5
            await s.client("alice")

    story()
