"""Postgres Changes in the core: who hears of which change, in which frame, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fake_server import ServerConfig
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


SUBSCRIBED = "Subscribed to PostgreSQL"


def words(frames: list[Any]) -> list[str]:
    """What system messages say."""
    return [frame[4]["message"] for frame in frames if frame[3] == "system"]


def run(core: Core, sql: str = "", for_s: float = 5.0) -> dict[int, list[Any]]:
    """Run a statement and let the server do what is due until there is nothing for a while."""
    core.node.database.execute(sql, core.now_s)
    heard: dict[int, list[Any]] = {}
    until_s = core.now_s + for_s
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


def test_a_cold_database_subscribes_2_to_2_5_s_late_and_a_warm_one_at_once() -> None:
    core = stage(database_cold_s=ServerConfig().database_cold_s)
    first, second, third = core.client(), core.client(), core.client()
    start_s = core.now_s
    for client in (first, second):
        assert all(frame[3] != "system" for frame in join(client, TODOS))
    heard = run(core)
    assert [words(heard[client.conn]) for client in (first, second)] == [[SUBSCRIBED]] * 2
    assert 2.0 <= core.now_s - start_s <= 2.5
    assert words(join(third, TODOS)[1:]) == [SUBSCRIBED]


@pytest.mark.parametrize(("idle_s", "is_cold"), [(599.0, False), (661.0, True)])
def test_the_worker_sleeps_when_it_had_no_subscribers_for_10_minutes(
    idle_s: float, is_cold: bool
) -> None:
    core = stage(database_cold_s=2.0)
    client = core.client()
    join(client, TODOS)
    run(core)
    client.push("phx_leave", {})
    run(core)
    core.now_s += idle_s
    assert ("system" not in [frame[3] for frame in join(client, TODOS)]) is is_cold


def test_a_change_of_the_publication_is_found_within_60_s_and_all_subscribe_again() -> None:
    """Each is told once for each of its bindings; what has left the publication is an error, which
    is not tried again, even when it comes back."""
    core = stage()
    keeps, loses = core.client(), core.client()
    join(keeps, TODOS, {**TODOS, "event": "INSERT"})
    join(loses, {**TODOS, "table": "secrets"})
    run(core)
    core.now_s += 70
    changed_s = core.now_s
    heard = run(core, "alter publication supabase_realtime drop table secrets", 61)
    assert words(heard[keeps.conn]) == [SUBSCRIBED] * 2
    (refused,) = words(heard[loses.conn])
    assert "Please check Realtime is enabled" in refused
    assert 0 < core.now_s - changed_s <= 60
    assert list(run(core, INSERT)) == [keeps.conn]
    back = run(core, "alter publication supabase_realtime add table secrets", 61)
    assert list(back) == [keeps.conn]


def test_a_table_that_was_published_later_is_told_after_the_worker_has_found_it() -> None:
    core = stage()
    client = core.client()
    join(client, {"schema": "public", "table": "*"})
    row = "insert into nopub(id,v) values ({0},'x')"
    run(core, "alter publication supabase_realtime add table nopub", 1)
    assert run(core, row.format(1), 1) == {}
    assert words(run(core, "", 61)[client.conn]) == [SUBSCRIBED]
    (frame,) = run(core, row.format(2))[client.conn]
    assert frame[4]["data"]["record"] == {"id": 2, "v": "x"}


def test_a_table_that_left_the_publication_is_silent_at_once() -> None:
    core = stage()
    client = core.client()
    join(client, TODOS)
    assert run(core, f"{INSERT}; alter publication supabase_realtime drop table todos", 1) == {}


def test_the_database_is_asked_for_the_last_binding_first() -> None:
    core = stage()
    client = core.client()
    system = join(client, {**TODOS, "table": "a"}, TODOS, {**TODOS, "table": "b"})[1]
    assert "table: b," in system[4]["message"]


def test_selections_come_in_the_order_of_their_columns_all_of_them_first() -> None:
    core = stage()
    client = core.client()
    selects = [["title"], ["num", "id"], None, ["num"]]
    join(client, *[{**TODOS, "select": select} for select in selects])
    heard = run(core, INSERT)[client.conn]
    assert [len(frame[4]["data"]["record"]) for frame in heard] == [8, 2, 2, 2]
    assert [set(frame[4]["data"]["record"]) for frame in heard[1:]] == [
        {"id", "num"},
        {"id", "num"},
        {"id", "title"},
    ]


def test_a_policy_that_raises_for_one_subscriber_loses_the_change_for_all() -> None:
    """A known defect of the real server."""
    core = stage()
    healthy, broken = core.client(), core.client()
    join(healthy, TODOS)
    join(broken, {**TODOS, "table": "secrets"}, access_token=token(sub="null"))
    assert run(core, f"{INSERT}; insert into secrets(id) values (1)") == {}
    assert list(run(core, INSERT.replace("(1,", "(2,"))) == [healthy.conn]


def test_a_comparison_that_the_database_cannot_make_loses_the_change_for_all() -> None:
    core = stage()
    healthy, broken = core.client(), core.client()
    join(healthy, TODOS)
    join(broken, {**TODOS, "table": "types_t", "filter": "i=eq.1"})
    assert run(core, f"{INSERT}; insert into types_t(id,i) values (1,'1')") == {}


def test_row_policies_are_asked_about_the_row_as_it_is_when_the_log_is_read() -> None:
    core = stage()
    owner = core.client()
    join(owner, {**TODOS, "table": "secrets"}, access_token=token(sub=USER))
    row = f"insert into secrets(id,owner) values (1,'{USER}')"
    heard = run(core, f"{row}; delete from secrets")[owner.conn]
    assert [frame[4]["data"]["type"] for frame in heard] == ["DELETE"]


def test_whoever_may_not_read_the_key_is_told_so_whatever_the_filter() -> None:
    core = stage()
    core.node.database.execute("grant select (title) on todos to authenticated", core.now_s)
    core.node.database.execute("revoke select on todos from anon", core.now_s)
    client = core.client()
    join(client, TODOS)
    (frame,) = run(core, INSERT)[client.conn]
    assert frame[4]["data"] == {
        "table": "todos",
        "type": "INSERT",
        "record": {},
        "columns": [],
        "errors": ["Error 401: Unauthorized"],
        "schema": "public",
        "commit_timestamp": None,
    }


def test_columns_that_a_role_may_not_read_are_hidden_from_it() -> None:
    core = stage()
    core.node.database.execute("revoke select on todos from anon", core.now_s)
    core.node.database.execute("grant select (id, title) on todos to anon", core.now_s)
    client, other = core.client(), core.client()
    join(client, TODOS)
    (refused,) = words(join(other, {**TODOS, "filter": "num=eq.5"})[1:])
    assert refused.endswith("ERROR P0001 (raise_exception) invalid column for filter num")
    (frame,) = run(core, INSERT)[client.conn]
    assert frame[4]["data"]["record"] == {"id": 1, "title": "a"}


def test_a_role_that_the_database_does_not_know_cannot_subscribe() -> None:
    core = stage()
    client = core.client()
    (refused,) = words(join(client, TODOS, access_token=token(role="dashboard"))[1:])
    assert refused.endswith('ERROR 42704 (undefined_object) role "dashboard" does not exist')


def test_tables_are_found_by_like() -> None:
    core = stage()
    client = core.client()
    assert words(join(client, {**TODOS, "table": "todo_"})[1:]) == [SUBSCRIBED]
    assert list(run(core, INSERT)) == [client.conn]


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
