"""SQL against the tables that were recorded: the statements of the recordings, and beyond."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fake_server.database import DatabaseError
from tests.fake_server.database.project import ADA, ADA_ID, NOW_S, recorded, table

GOLDEN = Path(__file__).parents[2] / "golden" / "supabase"


def _statements(path: Path) -> list[str]:
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line)["data"] for line in lines if '"kind": "sql"' in line]


def test_every_statement_of_the_recordings_runs() -> None:
    scripts = [_statements(path) for path in sorted(GOLDEN.glob("*.jsonl"))]
    assert sum(map(len, scripts)) > 20
    for script in scripts:
        database = recorded()
        for statement in script:
            database.execute(statement, NOW_S)


def test_the_types_of_a_row_are_kept() -> None:
    database = recorded()
    database.execute(
        "insert into public.types_t values (1,2,9007199254740993,1.5,2.25,12345678901234567890.123,"
        "true,'{a,\"b,c\"}','{1,2}','{\"x\": 1}','{\"y\": [1, null]}','2026-01-02','03:04:05',"
        "'2026-01-02 03:04:05.123','2026-01-02 03:04:05.123+02',"
        "'11111111-1111-4111-8111-111111111111','\\xdeadbeef','vc','1 day 02:00:00','10.0.0.1')",
        NOW_S,
    )
    (change,) = database.take_changes()
    assert change.new is not None
    assert list(change.new) == [column.name for column in change.table.columns]
    assert change.new["b"] == 9007199254740993
    assert str(change.new["e"]) == "12345678901234567890.123"
    assert change.new["g"] == ["a", "b,c"]
    assert change.new["n"] == "2026-01-02T01:04:05.123+00:00"


def test_a_transaction_is_logged_when_it_commits_in_the_order_of_its_writes() -> None:
    database = recorded()
    database.execute(
        "begin; insert into public.todos(id,title) values (1,'a'),(2,'b'); "
        "update public.todos set num=1 where id=2; commit",
        NOW_S,
    )
    changes = database.take_changes()
    assert [(change.kind, change.new and change.new["id"]) for change in changes] == [
        ("INSERT", 1),
        ("INSERT", 2),
        ("UPDATE", 2),
    ]
    assert {change.at_s for change in changes} == {NOW_S}
    assert database.take_changes() == []


def test_a_script_that_fails_leaves_nothing_behind() -> None:
    database = recorded()
    with pytest.raises(DatabaseError) as raised:
        database.execute(
            "insert into todos(id) values (1); insert into todos(id) values (1)", NOW_S
        )
    assert raised.value.details == "Key (id)=(1) already exists."
    assert database.execute("select count(*) from todos", NOW_S) == [{"count": 0}]
    assert database.take_changes() == []


def test_what_is_rolled_back_comes_back_in_its_place() -> None:
    database = recorded()
    database.execute("insert into todos(id) values (1),(2),(3)", NOW_S)
    database.execute("begin; delete from todos where id = 2; rollback", NOW_S)
    assert [row["id"] for row in database.execute("select id from todos", NOW_S)] == [1, 2, 3]


def test_an_updated_row_moves_to_the_end_of_a_scan() -> None:
    """As recorded: after an update of row 1, `delete from` deletes row 2 first."""
    database = recorded()
    database.execute("insert into types_t(id) values (1),(2)", NOW_S)
    database.execute("update types_t set a=3 where id=1", NOW_S)
    database.take_changes()
    database.execute("delete from types_t", NOW_S)
    assert [change.old and change.old["id"] for change in database.take_changes()] == [2, 1]


def test_an_update_that_changes_nothing_is_logged_and_truncate_is_not() -> None:
    database = recorded()
    database.execute("insert into todos(id,title) values (1,'a')", NOW_S)
    database.take_changes()
    database.execute("update todos set title='a' where id=1", NOW_S)
    assert [change.kind for change in database.take_changes()] == ["UPDATE"]
    database.execute("truncate public.todos", NOW_S)
    assert database.take_changes() == []
    assert database.execute("select * from todos", NOW_S) == []


def test_tables_outside_of_the_publication_are_not_logged() -> None:
    database = recorded()
    database.execute("insert into nopub(id) values (1)", NOW_S)
    assert database.take_changes() == []


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        ("insert into todos(nocol) values (1)", "42703", 'column "nocol" of relation "todos" does'),
        ("select * from todos where nocol = 1", "42703", 'column "nocol" does not exist'),
        ("insert into nosuch(a) values (1)", "42P01", 'relation "nosuch" does not exist'),
        ("insert into todos(num) values (99999999999)", "22003", "integer out of range"),
        ("insert into todos(done) values (1)", "42804", 'column "done" is of type boolean but'),
        ("select 1 = now()", "42883", "operator does not exist: integer = timestamp with"),
        ("select foo(1)", "42883", "function foo(integer) does not exist"),
        ("select 1/0", "22012", "division by zero"),
        ("insert into todos(id) values (1,2)", "42601", "INSERT has more expressions than"),
        ("insert into todos(id,title) values (51)", "42601", "INSERT has more target columns"),
        ("select 'a' where 1", "42804", "argument of WHERE must be type boolean, not type"),
        ("insert into types_t(a) values (1)", "23502", 'null value in column "id" of relation'),
        ("drop trigger nosuch on todos", "42704", 'trigger "nosuch" for table "todos" does not'),
        ("select from where", "42601", 'syntax error at or near "where"'),
        ("vacuum full", "0A000", "the fake database does not know"),
    ],
)
def test_mistakes_are_named_as_postgres_names_them(sql: str, code: str, message: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        recorded().execute(sql, NOW_S)
    assert raised.value.code == code
    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7/2", 3),
        ("-7/2", -3),
        ("1+'2'", 3),
        ("'a' || 1", "a1"),
        ("null || 'a'", None),
        ("1 = '1'", True),
        ("null = null", None),
        ("3 in (1, null)", None),
        ("null and false", False),
        ("null or true", True),
        ("1 is distinct from null", True),
        ("'abc' ilike 'A_C'", True),
        ("'a%' like 'a\\%'", True),
        ("1 between 0 and 2", True),
        ("case 1 when 2 then 'a' end", None),
        ("coalesce(null, 'x')", "x"),
        ("2.7::int", 3),
        ("1 = any('{1,2}')", True),
        ("'{\"a\":{\"b\":[1,2]}}'::jsonb -> 'a' -> 'b' ->> 1", "2"),
        ('\'{"a":1,"b":2}\'::jsonb @> \'{"a":1}\'', True),
        ("split_part('a:b:c', ':', 2)", "b"),
        ("exists (select 1 from todos)", False),
        ("(select 5)", 5),
    ],
)
def test_expressions_follow_three_valued_logic_and_types(expression: str, value: Any) -> None:
    (row,) = recorded().execute(f"select {expression} as it", NOW_S)
    assert row["it"] == value


def test_rows_can_be_generated_and_returned() -> None:
    returned = recorded().execute(
        "insert into todos(title, num) select 'x' || g, g from generate_series(1, 3) g "
        "returning id, title as t",
        NOW_S,
    )
    assert returned == [{"id": n, "t": f"x{n}"} for n in (1, 2, 3)]


def test_a_selected_series_and_equal_names_keep_their_columns_apart() -> None:
    database = recorded()
    database.execute("insert into nopub(id, v) select 1, 'a'", NOW_S)
    assert database.execute("select * from nopub", NOW_S) == [{"id": 1, "v": "a"}]


def test_a_conflict_updates_or_does_nothing() -> None:
    database = recorded()
    insert = "insert into todos(id,title) values (1,'a') on conflict "
    database.execute("insert into todos(id,title) values (1,'z')", NOW_S)
    assert database.execute(insert + "do nothing returning id", NOW_S) == []
    merged = insert + "(id) do update set title = excluded.title || todos.title returning title"
    assert database.execute(merged, NOW_S) == [{"title": "az"}]
    with pytest.raises(DatabaseError, match="no unique or exclusion constraint"):
        database.execute(insert + "(title) do nothing", NOW_S)


def test_sql_can_run_as_a_caller_whom_policies_bind() -> None:
    database = recorded()
    database.execute(f"insert into secrets(owner) values ('{ADA_ID}'), (null)", NOW_S)
    mine = database.execute("select owner from secrets", NOW_S, ADA)
    assert mine == [{"owner": ADA_ID}]


def test_defaults_come_from_the_clock_and_the_source_of_randomness() -> None:
    first, second = recorded(), recorded()
    for database in (first, second):
        database.execute("insert into todos(title) values ('a')", NOW_S)
        database.execute("select realtime.send('{}', 'e', 't')", NOW_S)
    rows = first.select(table(first, "todos"), ADA)
    assert rows[0]["created_at"] == "2026-11-23T12:48:00.5+00:00"
    assert first.take_messages() == second.take_messages()
