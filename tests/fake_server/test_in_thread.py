"""The server on a thread of its own: the same levers and truths, from outside its loop."""

from __future__ import annotations

import json
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from fake_server import ServerConfig
from fake_server.database import DatabaseError
from fake_server.in_thread import ServerInThread
from fake_server.levers.parameters import BadLever
from fake_server.schema import loads
from fake_server.tenants import UnknownTenant

_PATIENCE_S = 30


def dial(server: ServerInThread, name: str = "alice") -> ClientConnection:
    uri = f"{server.url}/websocket?vsn=2.0.0&apikey={server.key(name)}"
    return connect(uri, proxy=None)


def test_it_serves_plain_code_and_tells_the_truth() -> None:
    with ServerInThread() as server, dial(server) as client:
        join = ["1", "1", "realtime:room", "phx_join", {"config": {}}]
        client.send(json.dumps(join))
        assert json.loads(client.recv(_PATIENCE_S))[4]["status"] == "ok"
        assert server.publish("room", "shot", {"id": 1}) == 1
        assert json.loads(client.recv(_PATIENCE_S))[3] == "broadcast"
        assert [member["client"] for member in server.membership()] == ["alice"]
        assert server.truth()["counters"]["join"] == 1


def test_a_row_is_committed_from_outside_and_told_to_whoever_listens() -> None:
    schema = loads("[tables.todos]\npublished = true\ncolumns = { id = 'int8 primary key' }")
    config = ServerConfig(schema=schema, database_cold_s=0.0)
    with ServerInThread(config) as server, dial(server) as client:
        changes = [{"event": "*", "schema": "public", "table": "todos"}]
        join = ["1", "1", "realtime:db", "phx_join", {"config": {"postgres_changes": changes}}]
        client.send(json.dumps(join))
        assert [json.loads(client.recv(_PATIENCE_S))[3] for _ in range(2)] == [
            "phx_reply",
            "system",
        ]
        server.insert("todos", {"id": 7})
        change = json.loads(client.recv(_PATIENCE_S))
        assert change[4]["data"]["record"] == {"id": 7}
        with pytest.raises(DatabaseError, match='relation "nowhere" does not exist'):
            server.insert("nowhere", {"id": 7})
        with pytest.raises(DatabaseError, match="duplicate key"):
            server.insert("todos", {"id": 7})


def test_levers_are_pulled_and_healed_from_outside() -> None:
    with ServerInThread() as server, dial(server) as client:
        lever = server.pull("drop", count=1)
        for ref in ("7", "8"):
            client.send(json.dumps([None, ref, "phoenix", "heartbeat", {}]))
        assert json.loads(client.recv(_PATIENCE_S))[1] == "8"
        assert (lever.name, lever.hits, lever.parameters["count"]) == ("drop", 1, 1)
        lever.heal()
        server.pull("restart").settle()
        with pytest.raises(ConnectionClosed):
            client.recv(_PATIENCE_S)
        server.heal()
        with dial(server):
            pass


def test_a_mistake_is_raised_where_it_was_made_and_the_server_goes_on() -> None:
    with ServerInThread() as server:
        with pytest.raises(BadLever, match="known: late"):
            server.pull("lat")
        with dial(server):
            pass


def test_nothing_is_left_when_it_ends() -> None:
    with ServerInThread(ServerConfig(tenant="mine")) as server:
        running = server.call(lambda one: one)
        assert running.config.tenant == "mine"
        assert running.truth()["listening"]
    assert not running.truth()["listening"]
    assert "fake-server" not in [thread.name for thread in threading.enumerate()]


def test_each_tenant_has_its_own_address_levers_and_truth() -> None:
    with ServerInThread([ServerConfig(tenant="one"), ServerConfig(tenant="two")]) as server:
        two = server.tenant("two")
        uri = f"{two.url}/websocket?vsn=2.0.0&apikey={two.key('alice')}"
        with connect(uri, proxy=None) as client:
            client.send(json.dumps(["1", "1", "realtime:room", "phx_join", {"config": {}}]))
            assert json.loads(client.recv(_PATIENCE_S))[4]["status"] == "ok"
            assert (server.publish("room", "hi", {}), two.publish("room", "hi", {})) == (0, 1)
            assert json.loads(client.recv(_PATIENCE_S))[3] == "broadcast"
            assert [one["client"] for one in two.membership()] == ["alice"]
            assert (server.membership(), two.truth()["counters"]["join"]) == ([], 1)
            lever = two.pull("drop", count=1)
            for ref in ("7", "8"):
                client.send(json.dumps([None, ref, "phoenix", "heartbeat", {}]))
            assert json.loads(client.recv(_PATIENCE_S))[1] == "8"
            assert lever.hits == 1
            server.heal()
        with pytest.raises(UnknownTenant, match="there are one, two"):
            server.tenant("three")
