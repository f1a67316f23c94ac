"""What clients live through: a restart, a drain, a kill, each other's binary messages."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable

import pytest

from fake_server import FakeServer, ServerConfig
from fake_server.schema import loads
from tests.real_clients.clients import NodeClient, PythonClient, RealClient, serving, until

CLIENTS: dict[str, Callable[[], RealClient]] = {
    "realtime": PythonClient,
    "realtime-js, V2": lambda: NodeClient("realtime_js.mjs", "2.0.0"),
    "realtime-js, V1": lambda: NodeClient("realtime_js.mjs", "1.0.0"),
    "phoenix.js": lambda: NodeClient("phoenix_js.mjs", "2.0.0"),
}
every_client = pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)

pytestmark = pytest.mark.filterwarnings(
    # `realtime` reads what `websockets` has deprecated; as an error it would end its reading task.
    "ignore:ConnectionClosed:DeprecationWarning"
)


NOTES = {"event": "*", "schema": "public", "table": "notes"}
PROJECT = """
[tables.notes]
published = true
columns = { id = "int8 primary key", text = "text" }
"""


def project() -> ServerConfig:
    """A project with one table that everybody may see; its worker is up."""
    return ServerConfig(schema=loads(PROJECT), database_cold_s=0.0)


async def join(client: RealClient, key: str = "k", *changes: dict[str, str]) -> None:
    await client.do("subscribe", topic="room", key=key, changes=list(changes))
    await until(client, "subscribe", "SUBSCRIBED")


def note(server: FakeServer, number: int) -> None:
    """Write a row."""
    statement = f"insert into public.notes(id, text) values ({number}, 'n')"
    server.database.execute(statement, server.now_s())


@pytest.mark.asyncio
@every_client
async def test_a_client_is_whole_again_after_a_restart_a_drain_and_a_kill(
    make: Callable[[], RealClient],
) -> None:
    """It joins, is subscribed to changes, hears broadcasts, and knows who is there."""

    async def restart(server: FakeServer) -> None:
        await server.stop()
        await asyncio.sleep(0.2)
        await server.start()

    async def drain(server: FakeServer) -> None:
        await server.drain(batch=1, gap_s=0.01)

    async def kill(server: FakeServer) -> None:
        server.kill_connections()

    async with serving(make(), project()) as (server, client):
        await join(client, "k", NOTES)
        await until(client, "system")
        for number, end in enumerate((restart, drain, kill), 1):
            await end(server)
            await until(client, "subscribe", "SUBSCRIBED", count=number + 1)
            await until(client, "system", count=number + 1)
            await client.do("send", payload={"n": number})
            await until(client, "broadcast", count=number)
            note(server, number)
            await until(client, "pg", count=number)
            await client.do("track", payload={"n": number})
            await until(client, "join", count=number)
            assert [member["topic"] for member in server.membership()] == ["room"]


@pytest.mark.asyncio
async def test_phoenix_js_hears_itself_its_acks_and_who_is_there() -> None:
    async with serving(NodeClient("phoenix_js.mjs", "2.0.0")) as (_, client):
        await join(client)
        await client.do("send", payload={"n": 1})
        await until(client, "send", "ok")
        await client.do("track", payload={"status": "on"})
        await until(client, "join")
        await client.do("untrack")
        await until(client, "leave")
        await client.do("unsubscribe")
        await until(client, "unsubscribe", "ok")
        assert client.seen.args("broadcast") == [
            [{"event": "ev", "payload": {"n": 1}, "type": "broadcast"}]
        ]
        (state, joined, left), key = client.seen.args("sync"), client.seen.args("join")[0][0]
        assert (state, key, left) == ([[]], "k", [[]])
        assert [person["key"] for person in joined[0]] == ["k"]
        assert client.seen.args("track") + client.seen.args("untrack") == [["ok"], ["ok"]]


@pytest.mark.asyncio
async def test_phoenix_js_hears_its_binary_broadcast() -> None:
    data = b64encode(bytes(range(256))).decode()
    async with serving(NodeClient("phoenix_js.mjs", "2.0.0")) as (_, client):
        await join(client)
        await client.do("send_binary", base64=data)
        await until(client, "send", "ok")
        assert client.seen.args("broadcast") == [[{"base64": data}]]


@pytest.mark.asyncio
async def test_a_binary_broadcast_reaches_v2_and_never_v1() -> None:
    data = b64encode(bytes(range(256))).decode()
    sender, old = CLIENTS["realtime-js, V2"](), CLIENTS["realtime-js, V1"]()
    async with serving(sender) as (server, _):
        await old.open(server)
        await join(sender)
        await join(old)
        await sender.do("send_binary", base64=data)
        await until(sender, "send", "ok")
        await sender.do("send", payload={"n": 1})
        await until(old, "broadcast")
        await until(sender, "broadcast", count=2)
        heard = [message["payload"] for (message,) in sender.seen.args("broadcast")]
        assert heard == [{"base64": data}, {"n": 1}]
        assert [message["payload"] for (message,) in old.seen.args("broadcast")] == [{"n": 1}]
        await old.end()


@pytest.mark.asyncio
async def test_clients_of_every_kind_hear_each_other_and_see_each_other() -> None:
    """But for phoenix.js, which crashes on the binary kind that realtime-js makes of broadcasts."""
    clients = [make() for name, make in CLIENTS.items() if name != "phoenix.js"]
    first, *others = clients
    async with serving(first) as (server, _):
        for client in others:
            await client.open(server)
        for number, client in enumerate(clients):
            await join(client, key=f"k{number}")
        for number, client in enumerate(clients):
            await client.do("send", payload={"from": number})
            await client.do("track", payload={"number": number})
        for client in clients:
            await until(client, "broadcast", count=len(clients))
            await until(client, "join", count=len(clients))
        for client in others:
            await client.end()
