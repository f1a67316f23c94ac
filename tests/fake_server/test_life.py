"""How connections end by the server's own doing: its tenant, SIGTERM, SIGKILL, and its sweeps."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from fake_server.life import batches
from tests.fake_server.stage import Client, Stage, simulated, stage

GOODBYE = {"message": "Server requested disconnect", "status": "ok", "extension": "system"}
TRACK = {"type": "presence", "event": "track", "payload": {"a": 1}}
OTHER_SECRET = "another-secret-that-has-at-least-32-characters"


async def refusal(s: Stage) -> tuple[int, str, float]:
    """How a connection is refused now: status, body, and after how long."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(InvalidStatus) as raised:
        await s.client("nobody")
    response = raised.value.response
    return response.status_code, response.body.decode(), loop.time() - began_s


async def tracking(s: Stage, name: str) -> Client:
    """A client that has joined `room` and tracks something there."""
    client = await s.joined(name)
    await client.push("realtime:room", "presence", TRACK, "1")
    frames = [await client.next(), await client.next()]
    assert sorted(frame[3] for frame in frames) == ["phx_reply", "presence_diff"]
    return client


@simulated
async def test_a_suspended_tenant_says_goodbye_on_each_channel_and_lets_nobody_in() -> None:
    async with stage() as s:
        alice, idle = await s.joined(), await s.client("idle")
        await alice.join("other")
        await alice.next()
        s.server.update_tenant(suspend=True)
        frames = [await alice.next(), await alice.next()]
        assert frames == [
            [None, None, f"realtime:{topic}", "system", GOODBYE] for topic in ("room", "other")
        ]
        assert await alice.close_code() == 1012
        status, body, after_s = await refusal(s)
        assert (status, body) == (403, '{"error":"Realtime was disabled for this tenant"}')
        assert 2 <= after_s < 2.5
        await idle.join("room")
        frame = await idle.next(within_s=6)
        assert frame[4]["response"]["reason"] == (
            "RealtimeDisabledForTenant: Realtime disabled for this tenant"
        )
        s.server.update_tenant(suspend=False)
        await s.joined("back")


@simulated
async def test_a_new_secret_disconnects_and_old_keys_are_refused() -> None:
    async with stage() as s:
        alice, old_key = await s.joined(), s.server.apikey
        s.server.update_tenant(jwt_secret=OTHER_SECRET)
        assert await alice.close_code() == 1012
        await s.joined("bob")
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"{s.server.url}/websocket?apikey={old_key}", proxy=None)


@simulated
async def test_a_new_limit_is_in_force_at_once_and_disconnects_nobody() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.update_tenant(max_channels_per_client=1)
        await alice.join("other")
        assert await alice.status(within_s=6) == "error"
        assert await alice.close_code() is None


@simulated
async def test_a_reload_disconnects_and_a_shutdown_is_not_seen() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.shutdown_tenant()
        assert await alice.next() is None
        s.server.reload_tenant()
        assert (await alice.next())[4] == GOODBYE
        assert await alice.close_code() == 1012
        await s.joined("bob")


@simulated
async def test_a_client_whose_join_is_being_refused_gets_the_goodbye_too() -> None:
    async with stage() as s:
        alice = await s.joined()
        await alice.join("")
        await asyncio.sleep(1)
        s.server.reload_tenant()
        assert (await alice.next())[4] == GOODBYE
        assert await alice.close_code() == 1012


@simulated
async def test_too_many_users_or_joins_refuse_a_connection_after_2_s() -> None:
    async with stage(users_max=1) as s:
        await s.joined()
        assert (await refusal(s))[:2] == (429, '{"error":"Too many connected users"}')
        s.server.update_tenant(max_concurrent_users=9, max_joins_per_second=0)
        status, body, after_s = await refusal(s)
        assert (status, body) == (429, '{"error":"Too many joins per second"}')
        assert 2 <= after_s < 2.5


@simulated
async def test_sigterm_closes_who_has_channels_and_lets_the_rest_die_5_s_later() -> None:
    """Recorded: a channel that tracks something crashes first, and its socket is not closed."""
    loop = asyncio.get_running_loop()
    async with stage() as s:
        alice, bob, carol = await tracking(s, "alice"), await s.client("bob"), await s.client("c")
        await bob.join("other")
        await bob.next()
        ending, began_s = asyncio.create_task(s.server.terminate()), loop.time()
        frame = await alice.next()
        assert frame == ["1", "1", "realtime:room", "phx_error", {"reason": "channel_crash"}]
        assert await bob.close_code() == 1012
        assert loop.time() - began_s < 1
        with pytest.raises(ConnectionRefusedError):
            await s.client("late")
        await carol.join("during")
        assert await carol.next(within_s=4) is None
        assert await carol.close_code() == await alice.close_code() == 1006
        assert 5 <= loop.time() - began_s < 5.5
        await ending


@simulated
async def test_after_sigterm_connections_that_are_kept_alive_are_answered_for_5_s() -> None:
    """Recorded: REST took broadcasts for 5 s more, and nobody was left to hear them."""
    loop = asyncio.get_running_loop()
    async with stage() as s:
        reader, writer = await asyncio.open_connection(s.server.host, s.server.port)

        async def ping() -> bytes:
            writer.write(b"GET /api/ping HTTP/1.1\r\nhost: realtime-dev.localhost\r\n\r\n")
            return await reader.read(1000)

        assert (await ping()).startswith(b"HTTP/1.1 200")
        ending, began_s = asyncio.create_task(s.server.terminate()), loop.time()
        for _ in range(4):
            await asyncio.sleep(1)
            assert (await ping()).startswith(b"HTTP/1.1 200")
        with suppress(ConnectionError):
            assert await reader.read() == b""
        assert 5 <= loop.time() - began_s < 5.5
        writer.close()
        await ending


@simulated
async def test_sigterm_does_not_make_up_for_sweeps_that_found_nothing() -> None:
    async with stage(no_channel_timeout_s=20.0) as s:
        alice = await tracking(s, "alice")
        await asyncio.sleep(45)
        ending = asyncio.create_task(s.server.terminate())
        assert (await alice.next())[3] == "phx_error"
        assert await alice.close_code(within_s=4) is None
        await ending


@simulated
async def test_sigterm_without_connections_ends_at_once_and_the_server_can_start_again() -> None:
    async with stage() as s:
        before_s = asyncio.get_running_loop().time()
        await s.server.terminate()
        assert asyncio.get_running_loop().time() - before_s < 0.1
        await s.server.terminate()
        await s.server.start("server", 4000)
        await s.joined()


@simulated
async def test_sigterm_drains_in_batches_of_channels_and_refuses_joins_meanwhile() -> None:
    """Two channels are drained at a time, 3 s apart; 3 + 3 + 4 s are time to answer a join."""
    loop = asyncio.get_running_loop()
    async with stage() as s:
        idle = await s.client("idle")
        clients = [await s.joined(f"client-{number}") for number in range(4)]
        await clients[0].join("second")
        assert await clients[0].status() == "ok"
        lever, began_s = s.server.pull("sigterm", batch=2, gap_s=3, linger_s=4), loop.time()
        assert await clients[0].close_code() == 1012
        await idle.join("late")
        await clients[3].heartbeat()
        assert await clients[3].status() == "ok"
        with pytest.raises(ConnectionRefusedError):
            await s.client("new")
        assert await clients[1].close_code(within_s=3) == await clients[2].close_code() == 1012
        assert 3 <= loop.time() - began_s < 4
        words = "RealtimeRestarting: Realtime is restarting, please standby"
        assert (await idle.next(within_s=4))[4]["response"] == {"reason": words}
        assert 5 <= loop.time() - began_s < 6
        assert await clients[3].close_code(within_s=2) == 1012
        assert await idle.close_code(within_s=5) == 1006
        assert 10 <= loop.time() - began_s < 11
        await lever.settled()
        assert s.server.pulled == [lever]
        lever.heal()
        await lever.settled()
        await s.joined("after")


@simulated
async def test_a_drain_that_takes_too_long_leaves_the_rest_to_the_end_of_the_process() -> None:
    async with stage() as s:
        clients = [await s.joined(f"client-{number}") for number in range(5)]
        s.server.pull("sigterm", batch=1, gap_s=10, linger_s=1)
        codes = [await each.close_code(within_s=60) for each in clients]
        assert codes == [1012, 1012, 1012, 1012, 1006]


@simulated
async def test_a_server_that_is_started_again_while_it_ends_is_left_alone() -> None:
    async with stage() as s:
        await s.client()
        ending = asyncio.create_task(s.server.terminate())
        await asyncio.sleep(1)
        await s.server.stop()
        await s.server.start("server", 4000)
        alice = await s.joined()
        await ending
        await alice.heartbeat()
        assert await alice.status() == "ok"


@pytest.mark.parametrize(
    ("channels", "size", "expected"),
    [
        ({}, 2, []),
        ({1: 1, 2: 1, 3: 1}, 2, [[1, 2], [3]]),
        ({1: 5, 2: 1, 3: 1, 4: 2}, 2, [[1], [2, 3], [4]]),
        ({1: 1, 2: 2}, 2, [[1], [2]]),
    ],
)
def test_a_batch_has_as_many_channels_as_it_may_and_one_connection_at_least(
    channels: dict[int, int], size: int, expected: list[list[int]]
) -> None:
    assert list(batches(channels, size)) == expected


@simulated
async def test_sigkill_drops_everybody_without_a_close_frame() -> None:
    async with stage() as s:
        alice = await s.joined()
        await s.server.kill()
        assert await alice.close_code() == 1006


@simulated
async def test_killed_connections_are_dropped_and_new_ones_work() -> None:
    async with stage() as s:
        alice = await s.joined()
        s.server.kill_connections()
        assert await alice.close_code() == 1006
        assert s.told("disconnect") == [
            {"conn": 1, "client": "alice", "code": 1006, "by": "server"}
        ]
        await s.joined("bob")


@simulated
async def test_sockets_that_left_or_failed_are_swept_and_those_that_never_joined_are_not() -> None:
    loop = asyncio.get_running_loop()
    async with stage(no_channel_timeout_s=20.0) as s:
        began_s = loop.time()
        left, failed, stays, idle = (
            await s.joined(),
            await s.client("failed"),
            await s.joined("stays"),
            await s.client("idle"),
        )
        await left.push("realtime:room", "phx_leave", {}, "1")
        await failed.join("")
        assert await left.close_code(within_s=25) == await failed.close_code() == 1006
        assert 20 <= loop.time() - began_s < 21
        assert await stays.close_code() is await idle.close_code() is None


@simulated
async def test_a_socket_that_leaves_after_a_quiet_time_lives_to_the_next_sweep() -> None:
    """Sweeps that nobody was there for must not be made up for at once."""
    loop = asyncio.get_running_loop()
    async with stage(no_channel_timeout_s=20.0) as s:
        began_s, alice = loop.time(), await s.joined()
        await asyncio.sleep(45)
        await alice.push("realtime:room", "phx_leave", {}, "1")
        assert await alice.close_code(within_s=30) == 1006
        assert 60 <= loop.time() - began_s < 61


@simulated
async def test_a_socket_that_joins_again_in_time_is_not_swept() -> None:
    async with stage(no_channel_timeout_s=20.0) as s:
        alice = await s.joined()
        await alice.push("realtime:room", "phx_leave", {}, "1")
        await alice.join("room")
        assert await alice.close_code(within_s=25) is None
