"""Definitions that change at run time; the refusals are those of PostgreSQL 15."""

from __future__ import annotations

import pytest

from fake_server.database import DatabaseError
from tests.fake_server.database.project import ADA, ADA_ID, ANON, NOW_S, recorded, table

IDENTITY = (
    'cannot update table "todos" because it does not have a replica identity and publishes updates'
)


def test_the_publication_is_what_changes_are_kept_of() -> None:
    database = recorded()
    database.execute("alter publication supabase_realtime set table nopub, public.todos", NOW_S)
    assert database.publication == (("public", "nopub"), ("public", "todos"))
    database.execute("alter publication supabase_realtime drop table todos", NOW_S + 5)
    assert len(database.publication) == 1
    assert database.publication_changed_s == NOW_S + 5
    database.execute("insert into nopub(id) values (1); insert into todos(id) values (1)", NOW_S)
    assert [change.table.name for change in database.take_changes()] == ["nopub"]


def test_what_is_rolled_back_was_not_changed() -> None:
    database = recorded()
    before = database.publication
    drop = "alter publication supabase_realtime drop table todos"
    database.execute(f"{drop}; rollback", NOW_S)
    assert database.publication == before
    with pytest.raises(DatabaseError, match="division by zero"):
        database.execute(f"{drop}; select 1/0", NOW_S)
    assert database.publication == before
    assert table(database, "todos").published


def test_policies_decide_from_when_they_are_made() -> None:
    database = recorded()
    database.execute("insert into todos(id, owner) values (1, null)", NOW_S)
    database.execute(f"insert into todos(id, owner) values (2, '{ADA_ID}')", NOW_S)
    database.execute("alter table todos enable row level security", NOW_S)
    assert database.execute("select id from todos", NOW_S, ADA) == []
    made = "create policy mine on todos for select to authenticated using (owner = auth.uid())"
    database.execute(made, NOW_S)
    assert database.execute("select id from todos", NOW_S, ADA) == [{"id": 2}]
    assert database.execute("select id from todos", NOW_S, ANON) == []
    database.execute("drop policy mine on todos", NOW_S)
    assert database.execute("select id from todos", NOW_S, ADA) == []
    database.execute("alter table todos disable row level security", NOW_S)
    assert len(database.execute("select id from todos", NOW_S, ADA)) == 2


def test_grants_are_given_and_taken() -> None:
    database = recorded()
    database.execute("revoke all on todos from anon, authenticated", NOW_S)
    with pytest.raises(DatabaseError, match="permission denied for table todos"):
        database.execute("select 1 from todos", NOW_S, ANON)
    database.execute("grant select, insert on todos to anon", NOW_S)
    database.execute("insert into todos(id) values (1)", NOW_S, ANON)
    with pytest.raises(DatabaseError, match="permission denied for table todos"):
        database.execute("delete from todos", NOW_S, ANON)


def test_without_a_replica_identity_nothing_is_updated() -> None:
    database = recorded()
    database.execute("insert into todos(id) values (1)", NOW_S)
    database.execute("alter table only public.todos replica identity nothing", NOW_S)
    with pytest.raises(DatabaseError, match=IDENTITY):
        database.execute("update todos set num = 1", NOW_S)
    database.execute("alter table todos replica identity full", NOW_S)
    database.execute("update todos set num = 1", NOW_S)


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        (
            "alter publication supabase_realtime add table todos",
            "42710",
            'relation "todos" is already member of publication "supabase_realtime"',
        ),
        (
            "alter publication supabase_realtime drop table nopub",
            "42704",
            'relation "nopub" is not part of the publication',
        ),
        (
            "alter publication nosuch add table nopub",
            "42704",
            'publication "nosuch" does not exist',
        ),
        (
            "alter publication supabase_realtime add table nosuch",
            "42P01",
            'relation "nosuch" does not exist',
        ),
        (
            "create policy p on todos for insert using (true)",
            "42601",
            "only WITH CHECK expression allowed for INSERT",
        ),
        (
            "create policy p on todos for select with check (true)",
            "42601",
            "WITH CHECK cannot be applied to SELECT or DELETE",
        ),
        (
            "create policy p on todos to nosuch using (true)",
            "42704",
            'role "nosuch" does not exist',
        ),
        (
            "create policy own on secrets using (true)",
            "42710",
            'policy "own" for table "secrets" already exists',
        ),
        (
            "drop policy q on todos",
            "42704",
            'policy "q" for table "todos" does not exist',
        ),
        (
            "grant select (nocol) on todos to anon",
            "42703",
            'column "nocol" of relation "todos" does not exist',
        ),
        ("grant select on todos to nosuch", "42704", 'role "nosuch" does not exist'),
    ],
)
def test_what_cannot_be_defined_is_refused(sql: str, code: str, message: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        recorded().execute(sql, NOW_S)
    assert (raised.value.code, raised.value.message) == (code, message)
