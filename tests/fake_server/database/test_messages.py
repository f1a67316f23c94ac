"""Database sends, triggers that broadcast, and what a replay finds."""

from __future__ import annotations

import pytest

from fake_server.database import DatabaseError
from tests.fake_server.database.project import NOW_S, recorded

TRIGGER = (
    "create or replace function public.todo_bc() returns trigger language plpgsql security definer "
    "as $$ begin perform realtime.broadcast_changes('priv-1',tg_op,tg_op,tg_table_name,"
    "tg_table_schema,new,old); return null; end $$; "
    "drop trigger if exists bc on public.todos_full; "
    "create trigger bc after insert or update or delete on public.todos_full "
    "for each row execute function public.todo_bc()"
)


def test_a_sent_message_gets_the_id_of_its_row() -> None:
    database = recorded()
    result = database.execute("select realtime.send('{\"a\":1}'::jsonb,'ev','room',false)", NOW_S)
    (message,) = database.take_messages()
    assert result == [{"send": ""}]
    assert message.payload == {"a": 1, "id": message.id}
    assert (message.topic, message.event, message.private) == ("room", "ev", False)
    assert message.inserted_at_s == NOW_S


def test_a_payload_keeps_an_id_of_its_own_and_private_is_the_default() -> None:
    database = recorded()
    database.execute("select realtime.send('{\"id\":\"given\"}'::jsonb,'ev','room')", NOW_S)
    (message,) = database.take_messages()
    assert message.payload == {"id": "given"}
    assert message.private


def test_arguments_can_be_named() -> None:
    database = recorded()
    database.execute("select realtime.send(payload => '{}', event => 'e', topic => 't')", NOW_S)
    assert database.take_messages()[0].topic == "t"


def test_binary_messages_carry_bytes() -> None:
    database = recorded()
    database.execute("select realtime.send_binary('\\xdeadbeef'::bytea,'evb','priv-1',true)", NOW_S)
    (message,) = database.take_messages()
    assert message.binary == b"\xde\xad\xbe\xef"
    assert message.payload is None


def test_a_payload_that_is_no_object_is_passed_over() -> None:
    """The real function turns its own errors into warnings."""
    database = recorded()
    database.execute("select realtime.send('[1]'::jsonb,'ev','room',false)", NOW_S)
    assert database.take_messages() == []


def test_a_trigger_broadcasts_each_write_with_both_rows() -> None:
    database = recorded()
    database.execute(TRIGGER, NOW_S)
    database.execute("insert into todos_full(id,title) values (777,'bc')", NOW_S)
    database.execute("update todos_full set title='bc2' where id=777", NOW_S)
    database.execute("delete from todos_full where id=777", NOW_S)
    payloads = [message.payload for message in database.take_messages()]
    assert [payload["operation"] for payload in payloads] == ["INSERT", "UPDATE", "DELETE"]
    titles = [
        [row and row["title"] for row in (payload["old_record"], payload["record"])]
        for payload in payloads
    ]
    assert titles == [[None, "bc"], ["bc", "bc2"], ["bc2", None]]


def test_a_dropped_trigger_is_silent() -> None:
    database = recorded()
    database.execute(TRIGGER, NOW_S)
    database.execute("drop trigger bc on public.todos_full", NOW_S)
    database.execute("insert into todos_full(id) values (1)", NOW_S)
    assert database.take_messages() == []


def test_a_trigger_function_that_does_more_is_refused() -> None:
    body = "begin if true then return new; end if; end"
    with pytest.raises(DatabaseError, match="the fake database does not know"):
        recorded().execute(
            f"create function f() returns trigger language plpgsql as $$ {body} $$", NOW_S
        )


def test_a_replay_finds_the_newest_private_messages_oldest_first() -> None:
    database = recorded()
    for number in range(4):
        database.execute(f"select realtime.send('{{\"i\":{number}}}','e','room')", NOW_S + number)
    database.execute("select realtime.send('{\"i\":9}','e','room',false)", NOW_S + 4)
    database.execute("select realtime.send('{\"i\":9}','e','other')", NOW_S + 4)
    found = database.messages("room", NOW_S + 1, limit=2, now_s=NOW_S + 5)
    assert [message.payload["i"] for message in found] == [2, 3]
    assert len(database.messages("room", NOW_S + 1, limit=25)) == 3


def test_messages_are_forgotten_after_three_days() -> None:
    database = recorded()
    database.execute("select realtime.send('{}','e','room')", NOW_S)
    database.execute("select realtime.send('{}','e','room')", NOW_S + 72 * 3600 + 1)
    assert len(database.messages("room", 0, limit=25)) == 1


def test_what_is_rolled_back_was_never_sent() -> None:
    database = recorded()
    database.execute("begin; select realtime.send('{}','e','room'); rollback", NOW_S)
    assert database.take_messages() == []
