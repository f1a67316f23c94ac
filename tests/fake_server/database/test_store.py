"""Rows under constraints and row policies: what each caller sees, may write, and is told."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fake_server.database import Column, Database, DatabaseError, OnConflict, Policy, Schema, Table
from fake_server.database.catalog import OWNER, Caller
from fake_server.schema import default_schema, loads
from tests.fake_server.database.project import (
    ADA,
    ADA_ID,
    ANON,
    GRACE,
    GRACE_ID,
    NOW_S,
    SERVICE,
    recorded,
    table,
)

JOB = "aaaaaaaa-0000-4000-8000-000000000001"


def _courses() -> Database:
    return Database(default_schema(), random.Random(1), NOW_S)


def _secrets() -> Database:
    database = recorded()
    rows = [{"owner": ADA_ID, "body": "mine"}, {"owner": GRACE_ID, "body": "theirs"}]
    database.insert(table(database, "secrets"), rows, SERVICE, NOW_S)
    return database


def _refusal(database: Database, **row: object) -> DatabaseError:
    """What inserting a job as Ada is answered with."""
    with pytest.raises(DatabaseError) as raised:
        database.insert(table(database, "course_generation_jobs"), [row], ADA, NOW_S)
    return raised.value


def test_everybody_sees_what_the_policies_show() -> None:
    database = _secrets()
    secrets = table(database, "secrets")
    seen = {
        caller.role + str(caller.claims.get("sub", "")): [
            row["body"] for row in database.select(secrets, caller)
        ]
        for caller in (ADA, GRACE, ANON, SERVICE)
    }
    assert list(seen.values()) == [["mine"], ["theirs"], [], ["mine", "theirs"]]


def test_visibility_is_asked_of_a_single_row_as_of_a_table() -> None:
    """The row with this key is asked about, as it is now."""
    database = recorded()
    secrets = table(database, "secrets")
    database.insert(secrets, [{"id": 1, "owner": ADA_ID, "body": "x"}], OWNER, NOW_S)
    row = {"id": 1, "owner": GRACE_ID}
    assert database.visible(secrets, row, ADA)
    assert not database.visible(secrets, row, GRACE)
    assert database.visible(secrets, row, SERVICE)
    assert not database.visible(secrets, {"id": 2, "owner": ADA_ID}, ADA)


def test_without_a_policy_for_it_nothing_is_written() -> None:
    """As PostgREST tells it: 42501, and updates and deletes find no rows."""
    database = _secrets()
    secrets = table(database, "secrets")
    with pytest.raises(DatabaseError, match="violates row-level security policy for table"):
        database.insert(secrets, [{"owner": ADA_ID}], ADA, NOW_S)
    assert database.update(secrets, {"body": "x"}, None, ADA, NOW_S) == []
    assert database.delete(secrets, None, ADA, NOW_S) == []


def test_a_row_cannot_be_given_away_past_the_check() -> None:
    database = _courses()
    jobs = table(database, "course_generation_jobs")
    with pytest.raises(DatabaseError) as raised:
        database.update(jobs, {"user_id": GRACE_ID}, None, ADA, NOW_S)
    assert raised.value.code == "42501"
    assert len(database.select(jobs, ADA)) == 1


def test_a_role_without_a_grant_is_denied() -> None:
    database = recorded()
    todos = replace(table(database, "todos"), grants={"anon": ("select",)})
    assert database.select(todos, ANON) == []
    with pytest.raises(DatabaseError, match="permission denied for table todos"):
        database.insert(todos, [{"title": "a"}], ANON, NOW_S)


def test_defaults_of_a_caller_are_the_callers() -> None:
    database = _courses()
    jobs = table(database, "course_generation_jobs")
    (row,) = database.insert(jobs, [{"title": "Sets"}], ADA, NOW_S)
    assert (row["user_id"], row["status"], row["progress"]) == (ADA_ID, "queued", 0)


def test_constraints_are_named_with_the_row_that_fails() -> None:
    """To whom row level security does not apply; others are not told what the row holds."""
    missing = _refusal(_courses(), user_id=ADA_ID)
    assert (missing.code, missing.details) == ("23502", None)
    database = _courses()
    jobs = table(database, "course_generation_jobs")
    with pytest.raises(DatabaseError) as raised:
        database.insert(jobs, [{"user_id": ADA_ID}], SERVICE, NOW_S)
    assert str(raised.value.details).startswith("Failing row contains (")
    outside = _refusal(_courses(), title="x", progress=101)
    assert outside.code == "23514"
    assert "course_generation_jobs_progress_check" in outside.message


def test_unknown_columns_are_refused() -> None:
    assert _refusal(_courses(), nocol=1).code == "42703"


def test_a_foreign_key_wants_its_parent_and_follows_it_when_it_goes() -> None:
    database = _courses()
    tasks = table(database, "course_generation_tasks")
    orphan = {"job_id": JOB[:-1] + "9", "user_id": ADA_ID, "position": 1, "name": "x"}
    with pytest.raises(DatabaseError) as raised:
        database.insert(tasks, [orphan], SERVICE, NOW_S)
    assert raised.value.code == "23503"
    database.delete(table(database, "course_generation_jobs"), None, ADA, NOW_S)
    changes = [(change.table.name, change.kind) for change in database.take_changes()]
    assert changes == [
        ("course_generation_jobs", "DELETE"),
        ("course_generation_tasks", "DELETE"),
        ("course_generation_tasks", "DELETE"),
    ]
    assert len(database.select(tasks, SERVICE)) == 1


def test_a_policy_can_look_into_another_table() -> None:
    database = _courses()
    tasks = table(database, "course_generation_tasks")
    row = {"job_id": JOB, "position": 3, "name": "quiz"}
    assert database.insert(tasks, [row], ADA, NOW_S)[0]["user_id"] == ADA_ID
    with pytest.raises(DatabaseError, match="row-level security"):
        database.insert(tasks, [row], GRACE, NOW_S)


def test_a_refused_batch_leaves_no_row_behind() -> None:
    database = _courses()
    jobs = table(database, "course_generation_jobs")
    with pytest.raises(DatabaseError):
        database.insert(jobs, [{"title": "a"}, {"title": "b", "progress": 101}], ADA, NOW_S)
    assert len(database.select(jobs, ADA)) == 1
    assert database.take_changes() == []


def test_an_upsert_updates_the_row_that_is_there() -> None:
    database = recorded()
    todos = table(database, "todos")
    database.insert(todos, [{"id": 1, "title": "a", "num": 1}], ANON, NOW_S)
    merge = OnConflict(("id",), lambda old, new: {"title": new["title"]})
    (row,) = database.insert(todos, [{"id": 1, "title": "b"}], ANON, NOW_S, merge)
    assert (row["title"], row["num"]) == ("b", 1)
    ignored = database.insert(todos, [{"id": 1}], ANON, NOW_S, OnConflict())
    assert ignored == []


def test_seed_rows_are_there_and_not_news() -> None:
    database = _courses()
    assert len(database.select(table(database, "course_generation_jobs"), SERVICE)) == 2
    assert database.take_changes() == []


def test_what_is_returned_cannot_change_what_is_stored() -> None:
    database = recorded()
    todos = table(database, "todos")
    database.insert(todos, [{"title": "a"}], ANON, NOW_S)[0]["title"] = "forged"
    database.select(todos, ANON)[0]["title"] = "forged"
    assert database.select(todos, ANON)[0]["title"] == "a"


def test_a_table_without_an_identity_cannot_publish_updates() -> None:
    plain = Table("public", "log", (Column("line", "text"),), published=True)
    database = Database(Schema((plain,)), random.Random(1))
    database.insert(plain, [{"line": "a"}], SERVICE, NOW_S)
    with pytest.raises(DatabaseError) as raised:
        database.delete(plain, None, SERVICE, NOW_S)
    assert (raised.value.code, raised.value.message) == (
        "55000",
        'cannot delete from table "log" because it does not have a replica identity and publishes '
        "deletes",
    )


@pytest.mark.parametrize(
    ("command", "topic", "extension", "allowed"),
    [
        ("select", "priv-1", "broadcast", True),
        ("insert", "priv-1", "presence", True),
        ("select", "ro-1", "broadcast", True),
        ("insert", "ro-1", "broadcast", False),
        ("select", "bonly-1", "broadcast", True),
        ("select", "bonly-1", "presence", False),
        ("select", "room", "broadcast", False),
    ],
)
def test_private_channels_follow_the_recorded_policies(
    command: str, topic: str, extension: str, allowed: bool
) -> None:
    database = recorded()
    assert database.may_use_topic(command, topic, extension, ADA) is allowed  # type: ignore[arg-type]
    assert not database.may_use_topic(command, topic, extension, ANON)  # type: ignore[arg-type]
    assert database.may_use_topic(command, topic, extension, SERVICE)  # type: ignore[arg-type]


def test_a_policy_that_raises_denies() -> None:
    """`protocol.md §6.2`: here a claim `sub` that is no UUID."""
    policy = Policy("mine", "select", (), "auth.uid() is not null or true")
    database = Database(Schema((), (policy,)), random.Random(1))
    assert database.may_use_topic("select", "room", "broadcast", ADA)
    bob = Caller("authenticated", {"sub": "bob"})
    assert not database.may_use_topic("select", "room", "broadcast", bob)


def test_a_log_that_nobody_reads_is_bounded_and_says_so() -> None:
    schema = recorded().schema
    database = Database(schema, random.Random(1), log_rows_max=10)
    database.execute("insert into todos(num) select g from generate_series(1, 11) g", NOW_S)
    changes = database.take_changes()
    assert (len(changes), database.log_rows_lost) == (10, 1)
    assert changes[0].new is not None
    assert changes[0].new["num"] == 2


def test_lists_and_json_can_be_unique() -> None:
    schema = loads("[tables.t]\ncolumns = { tags = 'text[] unique', meta = 'jsonb unique' }")
    database = Database(schema, random.Random(1), NOW_S)
    database.execute("""insert into t values ('{a,null}', '{"a": [1]}')""", NOW_S)
    for column, value in (("tags", "{a,null}"), ("meta", '{"a": [1.0]}')):
        with pytest.raises(DatabaseError) as raised:
            database.execute(f"insert into t({column}) values ('{value}')", NOW_S)
        assert raised.value.code == "23505"
