"""Several tenants on one port: who is reached by which address, and that nothing crosses over."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from fake_server import FakeServer, ServerConfig
from fake_server.control import Control
from fake_server.schema import loads, server_configs
from fake_server.tenants import UnknownTenant
from tests.fake_server.http_client import HttpConnection, Reply
from tests.fake_server.stage import Client, Stage, simulated, stage

_STARTED_S = 1_800_000_000.0


@asynccontextmanager
async def two(**config: Any) -> AsyncIterator[Stage]:
    """A server with the tenants `one` and `two`, `config` being that of the second."""
    loop = asyncio.get_running_loop()
    truth: list[tuple[str, dict[str, Any]]] = []

    def on_truth(f: str, value: Mapping[str, Any]) -> None:
        truth.append((f, dict(value)))

    configs = [ServerConfig(tenant="one"), ServerConfig(tenant="two", **config)]
    clock, rng = (lambda: _STARTED_S + loop.time()), random.Random(1)
    server = FakeServer(configs, on_truth, clock, rng)
    await server.start("server", 4000)
    try:
        yield Stage(server, truth)
    finally:
        await server.stop()


async def client(s: Stage, tenant: str, name: str = "alice", bare: bool = False) -> Client:
    """Connect to one of the tenants, through its gateway or at its bare server."""
    where = s.server.tenant(tenant)
    url = f"ws://{tenant}.localhost:4000/socket" if bare else where.url
    uri = f"{url}/websocket?apikey={where.key(name)}&vsn=2.0.0"
    socket = await connect(uri, ping_interval=None, proxy=None, host="server", port=4000)
    return Client(socket, s.server, name)


async def joined(s: Stage, tenant: str, name: str = "alice", topic: str = "room") -> Client:
    found = await client(s, tenant, name)
    await found.join(topic)
    assert await found.status() == "ok"
    return found


async def both(s: Stage, topic: str = "room") -> list[Client]:
    """One client of each tenant, joined to a topic of the same name."""
    return [await joined(s, tenant, topic=topic) for tenant in s.server.tenants]


async def http(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Reply:
    connection = await HttpConnection.open("server", 4000)
    try:
        return await connection.ask(method, target, headers, body)
    finally:
        connection.writer.close()


async def ask(target: str, host: str = "127.0.0.1:4000") -> Reply:
    return await http("GET", target, {"host": host})


async def refused(uri: str) -> tuple[int, Any, float]:
    """Status, body and seconds of an upgrade that is refused."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(InvalidStatus) as raised:
        await connect(uri, proxy=None, host="server", port=4000)
    response = raised.value.response
    body = json.loads(response.body) if response.body.startswith(b"{") else response.body
    return response.status_code, body, round(loop.time() - began_s)


@simulated
async def test_each_tenant_is_reached_by_its_host_and_by_its_gateway() -> None:
    async with two() as s:
        await client(s, "one")
        await client(s, "two")
        await client(s, "one", bare=True)
        await client(s, "two", bare=True)
        truth = s.server.truth()["connections"]
        assert [(one["conn"], one["tenant"]) for one in sorted(truth, key=lambda c: c["conn"])] == [
            (1, "one"),
            (2, "two"),
            (3, "one"),
            (4, "two"),
        ]
        assert s.server.tenant("two").url == "ws://server:4000/tenants/two/realtime/v1"
        assert s.server.tenant("one").url == s.server.url == "ws://server:4000/realtime/v1"


@simulated
async def test_on_a_bare_server_the_paths_of_a_gateway_lead_nowhere() -> None:
    async with two() as s:
        for tenant in s.server.tenants:
            uri = f"ws://{tenant}.localhost:4000/realtime/v1/websocket?apikey={s.server.apikey}"
            assert await refused(uri) == (404, b"Not Found", 0)


@simulated
async def test_an_unknown_tenant_is_answered_as_by_the_real_server() -> None:
    async with two() as s:
        uri = "ws://three.localhost:4000/socket/websocket?vsn=2.0.0"
        unknown = 404, {"error": "Tenant not found"}, 2
        assert await refused(uri) == unknown
        assert await refused("ws://server:4000/tenants/three/realtime/v1/websocket") == unknown
        reply = await ask("/api/ping", "three.localhost:4000")
        assert (reply.status, reply.json) == (401, {"message": "Tenant not found in database"})
        reply = await ask("/tenants/three/realtime/v1/api/ping")
        assert (reply.status, reply.json) == (401, {"message": "Tenant not found in database"})
        assert (await ask("/tenants/three/auth/v1/user")).status == 404
        for tenant in s.server.tenants:
            assert (await ask("/api/ping", f"{tenant}.localhost:4000")).status == 200
        assert (await ask("/tenants/two/realtime/v1/api/ping")).status == 200
        assert (await ask("/realtime/v1/api/ping")).status == 200


@simulated
async def test_a_key_of_one_tenant_opens_no_other() -> None:
    async with two(jwt_secret="a secret of this very project, long enough for HS256") as s:
        url, key = s.server.tenant("two").url, s.server.tenant("one").apikey
        status, body, _ = await refused(f"{url}/websocket?apikey={key}")
        assert (status, body) == (401, {"error": "Failed to validate JWT signature"})


@simulated
async def test_messages_stay_with_their_tenant() -> None:
    async with two() as s:
        one, other = await both(s)
        await one.push("realtime:room", "broadcast", {"type": "broadcast", "event": "hi"}, "1")
        assert [(await one.next())[3], (await one.next())[3]] == ["broadcast", "phx_reply"]
        assert await other.next() is None
        assert s.server.tenant("two").publish("room", "hi", {}) == 1
        assert (await other.next())[3] == "broadcast"
        assert await one.next() is None


@simulated
async def test_presences_stay_with_their_tenant() -> None:
    async with two() as s:
        one, other = await both(s)
        await one.push("realtime:room", "presence", {"event": "track", "payload": {}}, "1")
        assert {(await one.next())[3], (await one.next())[3]} == {"phx_reply", "presence_diff"}
        assert await other.next() is None


@simulated
async def test_what_is_written_stays_with_its_tenant() -> None:
    schema = loads(
        "[tenants.one]\n[tenants.two]\n"
        "[tables.notes]\npublished = true\ncolumns = { id = 'int primary key' }\n"
    )
    loop = asyncio.get_running_loop()
    server = FakeServer(server_configs(schema), clock=lambda: _STARTED_S + loop.time())
    await server.start("server", 4000)
    s = Stage(server)
    clients = [await client(s, tenant) for tenant in server.tenants]
    asked = [{"event": "*", "schema": "public", "table": "notes"}]
    for each in clients:
        await each.join("room", config={"postgres_changes": asked})
    await asyncio.sleep(5)
    server.tenant("two").database.execute("insert into notes (id) values (1)", s.server.now_s())
    await asyncio.sleep(5)
    heard = [[frame[3] async for frame in _all(each)] for each in clients]
    assert heard == [["phx_reply", "system"], ["phx_reply", "system", "postgres_changes"]]
    assert server.database.execute("select id from notes", s.server.now_s()) == []
    await server.stop()


async def _all(each: Client) -> AsyncIterator[Any]:
    while (frame := await each.next()) is not None:
        yield frame


@simulated
async def test_rows_and_users_behind_the_gateway_are_those_of_its_tenant() -> None:
    table = "columns = { id = 'int primary key' }\nrows = [{ id = %d }]\n"
    user = "[[tenants.%s.users]]\nid = '%s'\nemail = 'a@b.c'\npassword = 'of %s'\n"
    schema = loads(
        "".join(
            user % (name, f"{number}" * 8 + "-1111-4111-8111-111111111111", name)
            + f"[tenants.{name}.tables.notes]\n"
            + table % number
            for number, name in enumerate(("one", "two"), 1)
        )
    )
    loop = asyncio.get_running_loop()
    server = FakeServer(server_configs(schema), clock=lambda: _STARTED_S + loop.time())
    await server.start("server", 4000)
    for number, name in enumerate(server.tenants, 1):
        where = server.tenant(name)
        headers = {"host": "127.0.0.1:4000", "apikey": where.apikey}
        base = where.http_url.removeprefix("http://server:4000")
        rows = await http("GET", f"{base}/rest/v1/notes?select=id", headers)
        assert rows.json == [{"id": number}]
        json_headers = {**headers, "content-type": "application/json"}
        for password, status in ((f"of {name}", 200), ("of another", 400)):
            body = json.dumps({"email": "a@b.c", "password": password}).encode()
            target = f"{base}/auth/v1/token?grant_type=password"
            assert (await http("POST", target, json_headers, body)).status == status
    await server.stop()


@simulated
async def test_a_limit_of_one_tenant_hits_no_other() -> None:
    async with two(users_max=1, joins_per_s_max=1) as s:
        await both(s)
        await joined(s, "one", "bob")
        status, body, _ = await refused(
            f"{s.server.tenant('two').url}/websocket?apikey={s.server.tenant('two').apikey}"
        )
        assert (status, body) == (429, {"error": "Too many connected users"})


@simulated
async def test_too_many_messages_of_one_tenant_end_no_channel_of_another() -> None:
    async with two(events_per_s_max=1) as s:
        one, other = await both(s)
        for _ in range(200):
            s.server.tenant("two").publish("room", "hi", {})
        await asyncio.sleep(6)
        s.server.tenant("two").publish("room", "last", {})
        s.server.publish("room", "first", {})
        assert [frame[3] async for frame in _all(other)][-2:] == ["system", "phx_close"]
        assert [frame[3] async for frame in _all(one)] == ["broadcast"]


@simulated
async def test_a_lever_strikes_its_tenant_alone() -> None:
    async with two() as s:
        one, other = await both(s)
        lever = s.server.pull("mute_app", tenant="two")
        for each in (one, other):
            await each.heartbeat()
        assert (await one.next())[3] == "phx_reply"
        assert await other.next() is None
        assert [each.describe()["tenant"] for each in s.server.pulled] == ["two"]
        assert s.server.tenant("one").pulled == []
        s.server.heal("one")
        assert s.server.pulled == [lever]
        s.server.heal()
        assert s.server.pulled == []


@pytest.mark.parametrize("name", ["close", "memory_kill", "tenant_reload", "drain"])
def test_what_ends_the_connections_of_one_tenant_leaves_the_others(name: str) -> None:
    @simulated
    async def story() -> None:
        async with two() as s:
            one, other = await both(s)
            s.server.pull(name, tenant="two")
            assert await other.close_code() is not None
            await one.heartbeat()
            assert await one.status() == "ok"
            await joined(s, "two", "bob")

    story()


@simulated
async def test_settings_and_drains_are_those_of_one_tenant() -> None:
    async with two() as s:
        one, other = await both(s)
        s.server.tenant("two").update_tenant(private_only=True)
        assert await other.close_code() == 1012
        assert (s.server.config.private_only, s.server.tenant("two").config.private_only) == (
            False,
            True,
        )
        await s.server.tenant("one").drain()
        assert await one.close_code() == 1012


@simulated
async def test_the_clock_of_one_tenant_jumps_alone() -> None:
    async with two() as s:
        token = s.server.token("alice", "t", lifetime_s=60)
        other_token = s.server.tenant("two").token("alice", "t", lifetime_s=60)
        one, other = await client(s, "one"), await client(s, "two")
        await one.join("room", access_token=token)
        await other.join("room", access_token=other_token)
        await asyncio.sleep(1)
        s.server.pull("clock_jump", tenant="two", by_s=3600)
        assert [frame[3] async for frame in _all(other)] == ["phx_reply", "system", "phx_close"]
        assert [frame[3] async for frame in _all(one)] == ["phx_reply"]


@simulated
async def test_the_server_ends_and_comes_back_with_all_its_tenants() -> None:
    async with two() as s:
        clients = await both(s)
        lever = s.server.pull("restart", tenant="two")
        await lever.settled()
        assert [await each.close_code() for each in clients] == [1006, 1006]
        lever.heal()
        await lever.settled()
        clients = await both(s)
        await s.server.terminate()
        assert [await each.close_code() for each in clients] == [1012, 1012]


@simulated
async def test_the_truth_is_told_by_tenant() -> None:
    async with two() as s:
        await both(s)
        await joined(s, "two", "bob")
        truth = s.server.truth()
        assert [one["tenant"] for one in truth["membership"]] == ["one", "two", "two"]
        assert truth["counters"]["join"] == 3
        second = s.server.truth("two")
        assert [one["client"] for one in second["membership"]] == ["alice", "bob"]
        assert second["counters"]["join"] == 2
        assert [(f, value["tenant"]) for f, value in s.truth if f == "join"] == [
            ("join", "one"),
            ("join", "two"),
            ("join", "two"),
        ]


@simulated
async def test_what_one_tenant_draws_changes_nothing_for_another() -> None:
    """The same seed gives the first tenant the same keys of presence, whatever the others do."""

    async def keys(others: int) -> list[str]:
        async with two() as s:
            for number in range(others):
                await joined(s, "two", f"bob-{number}")
            found = []
            for number in range(2):
                each = await client(s, "one", f"carol-{number}")
                await each.join("room", config={"presence": {"enabled": True}})
                await each.status()
                await each.push("realtime:room", "presence", {"event": "track"}, "1")
                frames = [frame async for frame in _all(each)]
                found += [key for f in frames if f[3] == "presence_diff" for key in f[4]["joins"]]
            return found

    alone = await keys(0)
    assert len(alone) == 2
    assert await keys(5) == alone


def test_two_tenants_of_one_name_and_none_at_all_are_refused() -> None:
    for configs in ([], [ServerConfig(), ServerConfig()]):
        with pytest.raises(ValueError, match="no list of one or more different names"):
            FakeServer(configs)


def test_a_tenant_that_is_not_there_is_named_with_those_that_are() -> None:
    server = FakeServer([ServerConfig(tenant="one"), ServerConfig(tenant="two")])
    for ask in (
        lambda: server.tenant("three"),
        lambda: server.pull("http", tenant="three"),
        lambda: server.heal("three"),
        lambda: server.truth("three"),
    ):
        with pytest.raises(UnknownTenant, match="no tenant 'three'; there are one, two"):
            ask()


@simulated
async def test_over_http_a_tenant_is_named_and_an_unknown_one_is_404() -> None:
    async with two() as s:
        control = Control(s.server)
        await control.start(5000)

        async def call(method: str, target: str, body: Any = None) -> Reply:
            connection = await HttpConnection.open("127.0.0.1", 5000)
            sent = b"" if body is None else json.dumps(body).encode()
            try:
                return await connection.ask(method, target, {"host": "127.0.0.1:5000"}, sent)
            finally:
                connection.writer.close()

        pulled = await call("POST", "/levers", {"name": "mute_app", "tenant": "two"})
        assert (pulled.status, pulled.json["tenant"]) == (200, "two")
        assert (await call("GET", "/levers?tenant=one")).json["pulled"] == []
        assert len((await call("GET", "/levers?tenant=two")).json["pulled"]) == 1
        other = await call("POST", "/levers", {"name": "http", "tenant": "one"})
        assert (pulled.json["id"], other.json["id"]) == (1, 2)
        assert (await call("DELETE", "/levers/2")).json["tenant"] == "one"
        assert (await call("POST", "/heal?tenant=one")).json == {"healed": []}
        await joined(s, "one")
        assert len((await call("GET", "/truth?tenant=one")).json["membership"]) == 1
        assert (await call("GET", "/truth?tenant=two")).json["membership"] == []
        for reply in (
            await call("GET", "/truth?tenant=three"),
            await call("GET", "/levers?tenant=three"),
            await call("POST", "/heal?tenant=three"),
            await call("POST", "/levers", {"name": "mute_app", "tenant": "three"}),
        ):
            assert reply.status == 404
            assert reply.json["message"] == "there is no tenant 'three'; there are one, two"
        for reply in (
            await call("GET", "/truth?tenat=one"),
            await call("POST", "/levers", {"name": "mute_app", "tenant": 2}),
            await call("POST", "/levers", {"name": "http", "parameters": {"tenant": "two"}}),
        ):
            assert reply.status == 400
            assert "tenant" in reply.json["message"]
        await control.stop()


@simulated
async def test_a_single_tenant_tells_its_acts_as_before() -> None:
    async with stage() as s:
        await s.joined()
        assert "tenant" not in s.told("join")[0]


@simulated
async def test_a_deleted_tenant_sends_everybody_away_and_is_not_known_until_it_is_back() -> None:
    async with two() as s:
        one, other = await both(s)
        idle = await client(s, "two", "idle")
        lever = s.server.pull("tenant_deleted", tenant="two")
        assert (await other.next())[4]["message"] == "Server requested disconnect"
        assert await other.close_code() == 1012
        await idle.join("room")
        reason = (await idle.next(within_s=6))[4]["response"]
        assert reason == {"reason": "TenantNotFound: Tenant with the given ID does not exist"}
        assert await idle.close_code() == 1001
        where = s.server.tenant("two")
        unknown = 404, {"error": "Tenant not found"}, 2
        assert await refused(f"{where.url}/websocket?apikey={where.apikey}") == unknown
        reply = await ask("/api/ping", "two.localhost:4000")
        assert (reply.status, reply.json) == (401, {"message": "Tenant not found in database"})
        await one.heartbeat()
        assert await one.status() == "ok"
        lever.heal()
        await joined(s, "two")
        assert (await ask("/api/ping", "two.localhost:4000")).status == 200


@simulated
async def test_a_server_that_was_stopped_is_begun_again_by_no_lever_of_any_tenant() -> None:
    async with two() as s:
        levers = [s.server.pull(name, tenant="two") for name in ("restart", "sigterm")]
        await levers[0].settled()
        await s.server.stop()
        assert s.server.pulled == []
        for lever in levers:
            lever.heal()
            await lever.settled()
        assert s.server.truth()["listening"] is False


@simulated
async def test_long_polling_reaches_each_tenant() -> None:
    async with two() as s:
        for name in s.server.tenants:
            where = s.server.tenant(name)
            path = where.url.removeprefix("ws://server:4000")
            reply = await ask(f"{path}/longpoll?vsn=2.0.0&apikey={where.apikey}")
            assert (reply.json["status"], len(where.truth()["connections"])) == (410, 1)
