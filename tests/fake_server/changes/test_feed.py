"""Postgres Changes in the core: who hears of which change, in which frame, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_server.schema import load
from tests.fake_server.core_stage import Client, Core, token

SCHEMA = load(Path(__file__).parent.parent / "golden_schema.toml")
USER = "11111111-1111-4111-8111-111111111111"
TODOS = {"event": "*", "schema": "public", "table": "todos"}


def stage(**config: Any) -> Core:
    return Core(schema=SCHEMA, **config)


def join(client: Client, *bindings: dict[str, Any], **more: Any) -> list[Any]:
    payload = {"config": {"postgres_changes": list(bindings)}, **more}
    return client.push("phx_join", payload)


def run(core: Core, sql: str = "") -> dict[int, list[Any]]:
    """Run a statement and let the server do what is due until there is nothing within 5 s."""
    core.node.database.execute(sql, core.now_s)
    heard: dict[int, list[Any]] = {}
    until_s = core.now_s + 5
    while (due_s := core.node.next_due_s) is not None and due_s <= until_s:
        core.now_s = max(core.now_s, due_s)
        for conn, frames in core.sent(core.node.due(core.now_s)).items():
            heard.setdefault(conn, []).extend(frames)
    return heard


INSERT = "insert into public.todos(id,title,num) values (1,'a',5)"


def test_all_matching_bindings_are_named_last_first_in_one_message() -> None:
    core = stage()
    client = core.client()
    reply, system = join(client, TODOS, {**TODOS, "event": "INSERT"})[:2]
    ids = [entry["id"] for entry in reply[4]["response"]["postgres_changes"]]
    assert system[4]["message"] == "Subscribed to PostgreSQL"
    (frame,) = run(core, INSERT)[client.conn]
    assert frame[4]["ids"] == ids[::-1]


def test_each_selection_is_a_message_of_its_own() -> None:
    core = stage()
    client = core.client()
    join(client, TODOS, {**TODOS, "select": ["title"]})
    whole, selected = run(core, INSERT)[client.conn]
    assert len(whole[4]["data"]["record"]) == 8
    assert selected[4]["data"]["record"] == {"id": 1, "title": "a"}
    assert [column["name"] for column in selected[4]["data"]["columns"]] == ["id", "title"]


def test_the_old_api_gets_events_of_their_own() -> None:
    core = stage()
    client = core.client()
    client.push("phx_join", {}, topic="public:todos")
    (frame,) = run(core, INSERT)[client.conn]
    assert frame[3] == "INSERT"
    assert frame[4]["record"]["title"] == "a"


def test_nothing_is_due_while_nobody_is_subscribed_and_the_past_is_not_told() -> None:
    core = stage()
    client = core.client()
    before_s = core.node.next_due_s
    core.node.database.execute(INSERT, core.now_s)
    assert core.node.next_due_s == before_s
    join(client, TODOS)
    assert run(core) == {}


def test_a_channel_that_left_hears_nothing() -> None:
    core = stage()
    client = core.client()
    join(client, TODOS)
    client.push("phx_leave", {})
    assert run(core, INSERT) == {}


def test_rows_are_told_to_those_who_see_them_and_deletes_to_all() -> None:
    core = stage()
    owner, stranger = core.client(), core.client()
    secrets = {**TODOS, "table": "secrets"}
    join(owner, secrets, access_token=token(sub=USER))
    join(stranger, secrets)
    row = f"insert into public.secrets(id,owner,body) values (1,'{USER}','mine')"
    assert list(run(core, row)) == [owner.conn]
    heard = run(core, "delete from public.secrets")
    assert [heard[each.conn][0][4]["data"]["old_record"] for each in (owner, stranger)] == [
        {"id": 1},
        {"id": 1},
    ]


def test_a_new_token_renews_the_subscription_1_to_3_s_later() -> None:
    core = stage()
    client = core.client()
    join(client, {**TODOS, "table": "secrets"})
    start_s = core.now_s
    assert client.push("access_token", {"access_token": token(sub=USER)}) == []
    (frame,) = run(core)[client.conn]
    assert frame[4]["message"] == "Subscribed to PostgreSQL"
    assert 1 <= core.now_s - start_s <= 3
    row = f"insert into public.secrets(id,owner,body) values (1,'{USER}','mine')"
    assert client.conn in run(core, row)


def test_one_bad_binding_spoils_the_channel() -> None:
    core = stage()
    client = core.client()
    system = join(client, TODOS, {**TODOS, "table": "nosuch"})[1]
    assert system[4]["status"] == "error"
    assert run(core, INSERT) == {}


def test_a_cold_database_subscribes_late() -> None:
    core = stage(database_cold_s=2.0)
    client = core.client()
    assert all(frame[3] != "system" for frame in join(client, TODOS))
    (frame,) = run(core)[client.conn]
    assert frame[4]["message"] == "Subscribed to PostgreSQL"


def test_a_change_comes_within_600_ms() -> None:
    core = stage()
    client = core.client()
    join(client, TODOS)
    core.now_s += 1.23
    start_s = core.now_s
    assert client.conn in run(core, INSERT)
    assert 0 < core.now_s - start_s <= 0.6


def test_over_the_tenants_limit_changes_are_dropped_in_silence() -> None:
    core = stage(events_per_s_max=0)
    client = core.client()
    join(client, TODOS)
    assert run(core, INSERT) == {}


def test_while_a_channel_subscribes_its_socket_goes_on_and_its_presence_waits() -> None:
    core = stage(subscribe_s=0.002)
    client = core.client()
    joined = client.join(postgres_changes=[TODOS])
    assert [frame[3] for frame in joined] == ["phx_reply"]
    core.now_s += 0.001
    first = client.push("broadcast", {"type": "broadcast", "event": "e", "payload": {}})
    assert [frame[3] for frame in first] == ["system", "presence_state"]
    assert run(core) == {}
