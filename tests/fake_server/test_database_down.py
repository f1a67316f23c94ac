"""A database that cannot be reached or asked: who is refused with which words, and who goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fake_server.schema import loads
from fake_server.switches.trouble import TOO_MANY_ATTEMPTS, TROUBLES
from tests.fake_server.http_client import Reply, ask
from tests.fake_server.recorded_policies import RECORDED_SCHEMA
from tests.fake_server.stage import Client, Stage, simulated, stage

_UNABLE = "Realtime was unable to connect to the project database"
AT_JOIN = {
    "unreachable": f"UnableToConnectToProject: {_UNABLE}",
    "too_many_connections": "DatabaseLackOfConnections: Database can't accept more connections, "
    "Realtime won't connect",
    "initializing": "InitializingProjectConnection: Realtime is initializing the project "
    "connection",
    "connecting": "InitializingProjectConnection: Connecting to the project database",
    "rpc_timeout": "TimeoutOnRpcCall: Node request timeout",
    "pool_exhausted": "IncreaseConnectionPool: Please increase your connection pool size",
    "query_canceled": "QueryCanceled: canceling statement due to statement timeout",
    "missing_partition": "MissingPartition: Realtime was unable to find the expected messages "
    "partition",
    "policies_failed": _UNABLE,
}
"""The reasons of `protocol.md §2.6`."""
OF_POLICIES = ("pool_exhausted", "query_canceled", "missing_partition", "policies_failed")
ATTEMPTS = "DatabaseConnectionRateLimitReached: Too many database connections attempts per second"


def at_once(**config: Any) -> Any:
    return stage(schema=RECORDED_SCHEMA, join_error_delay_s=0.0, **config)


async def join(s: Stage, alice: Client, topic: str = "priv-1", private: bool = True) -> Any:
    """The reason of a refused join; None for one that was accepted."""
    token = s.server.token("alice", f"token-{s.server.now_s()}")
    config = {"private": private, "broadcast": {"ack": True, "self": True}}
    await alice.join(topic, access_token=token, config=config)
    return (await alice.next())[4]["response"].get("reason")


@pytest.mark.parametrize("how", AT_JOIN)
def test_a_join_is_refused_in_the_words_of_the_trouble(how: str) -> None:
    @simulated
    async def story() -> None:
        async with at_once() as s:
            alice = await s.client()
            s.server.pull("database_down", how=how)
            assert await join(s, alice) == AT_JOIN[how]

    story()


def test_every_trouble_is_tried() -> None:
    assert list(AT_JOIN) == list(TROUBLES)
    assert TOO_MANY_ATTEMPTS.at_join == ATTEMPTS


@pytest.mark.parametrize("how", AT_JOIN)
def test_a_public_channel_needs_the_database_and_no_policies(how: str) -> None:
    @simulated
    async def story() -> None:
        async with at_once() as s:
            alice = await s.client()
            s.server.pull("database_down", how=how)
            expected = None if how in OF_POLICIES else AT_JOIN[how]
            assert await join(s, alice, "room", private=False) == expected

    story()


@simulated
async def test_after_three_failures_no_connection_is_tried_until_five_seconds_are_quiet() -> None:
    async with at_once() as s:
        alice = await s.client()
        lever = s.server.pull("database_down")
        reasons = [await join(s, alice, "room", private=False) for _ in range(5)]
        assert reasons == [AT_JOIN["unreachable"]] * 5
        await asyncio.sleep(1)
        assert await join(s, alice, "room", private=False) == ATTEMPTS
        lever.heal()
        assert await join(s, alice, "room", private=False) == ATTEMPTS
        await asyncio.sleep(6)
        assert await join(s, alice, "room", private=False) is None


@simulated
async def test_three_failures_are_those_of_one_tenant_alone() -> None:
    async with at_once() as s:
        alice, bob = await s.client("alice"), await s.client("bob")
        s.server.pull("database_down", client="alice")
        assert await join(s, alice) == AT_JOIN["unreachable"]
        assert await join(s, bob) is None


@simulated
async def test_a_pool_that_was_exhausted_keeps_all_out_for_half_a_minute() -> None:
    async with at_once(db_pool=3) as s:
        alice = await s.client()
        lever = s.server.pull("database_down", how="pool_exhausted")
        for _ in range(3):
            assert await join(s, alice) == AT_JOIN["pool_exhausted"]
        lever.heal()
        await asyncio.sleep(2)
        assert await join(s, alice) == AT_JOIN["pool_exhausted"]
        assert await join(s, alice, "room", private=False) is None
        await asyncio.sleep(31)
        assert await join(s, alice) is None


@simulated
async def test_fewer_failures_than_the_pool_has_connections_keep_nobody_out() -> None:
    async with at_once(db_pool=3) as s:
        alice = await s.client()
        lever = s.server.pull("database_down", how="pool_exhausted")
        for _ in range(2):
            assert await join(s, alice) == AT_JOIN["pool_exhausted"]
        lever.heal()
        await asyncio.sleep(2)
        assert await join(s, alice) is None


WHILE_JOINED = {
    "unreachable": _UNABLE,
    "too_many_connections": ":tenant_db_too_many_connections",
    "initializing": ":initializing",
    "connecting": ":tenant_database_connection_initializing",
    "rpc_timeout": "Node request timeout",
    "pool_exhausted": ":increase_connection_pool",
    "query_canceled": "Query was cancelled, please try again",
    "missing_partition": _UNABLE,
    "policies_failed": _UNABLE,
}


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("how", WHILE_JOINED)
def test_a_new_token_ends_a_channel_whose_database_is_gone(how: str, private: bool) -> None:
    @simulated
    async def story() -> None:
        async with at_once() as s:
            alice = await s.client()
            assert await join(s, alice, private=private) is None
            s.server.pull("database_down", how=how)
            token = s.server.token("alice", "renewed", lifetime_s=100)
            await alice.push("realtime:priv-1", "access_token", {"access_token": token})
            if how in OF_POLICIES and not private:
                assert await alice.next() is None
                return
            assert (await alice.next())[4]["message"] == WHILE_JOINED[how]
            assert (await alice.next())[3] == "phx_close"

    story()


@simulated
async def test_public_channels_go_on_and_private_messages_are_dropped_in_silence() -> None:
    async with at_once() as s:
        alice = await s.client()
        assert await join(s, alice, "room", private=False) is None
        assert await join(s, alice, "priv-1") is None
        message = {"type": "broadcast", "event": "hi", "payload": {}}
        lever = s.server.pull("database_down")
        await alice.push("realtime:room", "broadcast", message)
        assert [(await alice.next())[3] for _ in range(2)] == ["broadcast", "phx_reply"]
        await alice.push("realtime:priv-1", "broadcast", message)
        assert await alice.next() is None
        lever.heal()
        await alice.push("realtime:priv-1", "broadcast", message)
        assert [(await alice.next())[3] for _ in range(2)] == ["broadcast", "phx_reply"]


@simulated
async def test_who_has_sent_before_needs_no_policies_to_send_again() -> None:
    async with at_once() as s:
        alice = await s.client()
        assert await join(s, alice) is None
        message = {"type": "broadcast", "event": "hi", "payload": {}}
        for how in (None, "query_canceled"):
            if how is not None:
                s.server.pull("database_down", how=how)
            await alice.push("realtime:priv-1", "broadcast", message)
            assert [(await alice.next())[3] for _ in range(2)] == ["broadcast", "phx_reply"]


@pytest.mark.parametrize(("how", "known"), [
    ("unreachable", None), ("query_canceled", None), ("query_canceled", "ok")
])  # fmt: skip
def test_presence_in_a_private_channel_is_answered_with_an_error(
    how: str, known: str | None
) -> None:
    """Policies that were asked before are not asked again."""

    @simulated
    async def story() -> None:
        async with at_once() as s:
            alice = await s.client()
            assert await join(s, alice) is None
            track = {"type": "presence", "event": "track", "payload": {"a": 1}}
            if known is not None:
                await alice.push("realtime:priv-1", "presence", track)
                while await alice.next() is not None:
                    pass
            s.server.pull("database_down", how=how)
            await alice.push("realtime:priv-1", "presence", {**track, "payload": {"a": 2}})
            reply = (await alice.next())[4]
            assert reply == {"status": known or "error", "response": {}}

    story()


AT_API = {
    "unreachable": (422, "Tenant database unavailable"),
    "too_many_connections": (422, "Tenant database has too many connections"),
    "initializing": (422, "Tenant database initializing"),
    "connecting": (422, "Tenant database connection initializing"),
    "rpc_timeout": (500, "RPC error"),
    "pool_exhausted": (429, "Connection pool exhausted"),
    "query_canceled": (422, "Query canceled"),
    "missing_partition": (422, "Missing messages partition"),
    "policies_failed": (500, "Unable to authorize broadcast"),
}


async def post(s: Stage, target: str, body: bytes) -> Reply:
    headers = {
        "host": "realtime-dev.localhost",
        "content-type": "application/json",
        "apikey": s.server.token("alice", "t"),
    }
    return await ask("server", 4000, "POST", target, headers, body)


@pytest.mark.parametrize("how", AT_API)
def test_the_api_says_why_a_private_message_cannot_be_sent(how: str) -> None:
    @simulated
    async def story() -> None:
        async with at_once() as s:
            alice = await s.client()
            assert await join(s, alice) is None
            s.server.pull("database_down", how=how)
            path = "/api/broadcast/priv-1/events/hi"
            reply = await post(s, f"{path}?private=true", b"{}")
            status, message = AT_API[how]
            assert (reply.status, reply.json) == (status, {"message": message})
            assert (await post(s, path, b"{}")).status == 202
            batch = b'{"messages":[{"topic":"priv-1","event":"e","payload":{},"private":true}]}'
            assert (await post(s, "/api/broadcast", batch)).status == 202
            assert await alice.next() is None

    story()


@simulated
async def test_the_api_says_when_too_many_connections_failed() -> None:
    async with at_once() as s:
        s.server.pull("database_down")
        for _ in range(3):
            await post(s, "/api/broadcast/priv-1/events/hi?private=true", b"{}")
        await asyncio.sleep(1)
        reply = await post(s, "/api/broadcast/priv-1/events/hi?private=true", b"{}")
        assert (reply.status, reply.json) == (422, {"message": "Connect rate limit reached"})


NOTES = loads("[tables.notes]\npublished = true\ncolumns = { id = 'int primary key' }\n")


async def listening(s: Stage) -> Client:
    """A client that has subscribed to changes of all tables."""
    alice = await s.client()
    changes = [{"event": "*", "schema": "public"}]
    await alice.join("room", config={"postgres_changes": changes})
    assert [(await alice.next())[3], (await alice.next(within_s=4))[3]] == ["phx_reply", "system"]
    return alice


def insert(s: Stage, number: int) -> None:
    s.server.database.execute(f"insert into notes (id) values ({number})", s.server.now_s())


@pytest.mark.parametrize(("lasts_s", "comes_back"), [(5, True), (30, False)])
def test_changes_are_lost_while_it_is_down_and_for_good_when_that_is_long(
    lasts_s: float, comes_back: bool
) -> None:
    @simulated
    async def story() -> None:
        async with stage(schema=NOTES) as s:
            alice = await listening(s)
            lever = s.server.pull("database_down")
            insert(s, 1)
            await asyncio.sleep(lasts_s)
            insert(s, 2)
            lever.heal()
            await asyncio.sleep(1)
            insert(s, 3)
            frame = await alice.next(within_s=3)
            assert (frame is not None) is comes_back
            if frame is not None:
                assert frame[4]["data"]["record"] == {"id": 3}
            lost = [value["count"] for value in s.told("changes_lost")]
            assert sum(lost) == 2

    story()


@pytest.mark.parametrize("scope", [{"client": "bob"}, {"count": 1}, {"how": "query_canceled"}])
def test_a_trouble_of_some_loses_nobodys_changes(scope: dict[str, Any]) -> None:
    @simulated
    async def story() -> None:
        async with stage(schema=NOTES) as s:
            alice = await listening(s)
            lever = s.server.pull("database_down", **scope)
            insert(s, 1)
            assert (await alice.next(within_s=3))[3] == "postgres_changes"
            await asyncio.sleep(60)
            lever.heal()
            insert(s, 2)
            assert (await alice.next(within_s=3))[3] == "postgres_changes"

    story()


@simulated
async def test_messages_of_the_database_are_lost_while_it_is_down() -> None:
    async with stage() as s:
        alice = await s.joined()
        lever = s.server.pull("database_down")
        send = "select realtime.send('{}', 'e', 'room', false)"
        s.server.database.execute(send, s.server.now_s())
        assert await alice.next() is None
        lever.heal()
        assert await alice.next() is None
        s.server.database.execute(send, s.server.now_s())
        assert await asyncio.wait_for(alice.socket.recv(), 1)


@simulated
async def test_who_waits_for_a_subscription_is_subscribed_when_it_is_back() -> None:
    async with stage(schema=NOTES) as s:
        alice = await s.client()
        changes = [{"event": "*", "schema": "public"}]
        await alice.join("room", config={"postgres_changes": changes})
        assert await alice.status() == "ok"
        lever = s.server.pull("database_down")
        assert await alice.next(within_s=20) is None
        lever.heal()
        assert (await alice.next(within_s=7))[4]["message"] == "Subscribed to PostgreSQL"
