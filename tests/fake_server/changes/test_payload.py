"""Changes as clients were recorded to receive them, byte for byte."""

from __future__ import annotations

import json
import re
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from fake_server.changes import payload
from fake_server.changes.log import Logged
from fake_server.database import Change, Database
from tests.fake_server.database.project import NOW_S, recorded

GOLDEN = Path(__file__).parents[2] / "golden" / "supabase"
_MOMENT = re.compile(r'"(created_at|commit_timestamp)": ?"[^"]*"')


def _transcript(name: str) -> list[dict[str, Any]]:
    lines = (GOLDEN / f"{name}.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def _received(transcript: list[dict[str, Any]]) -> list[str]:
    """The changes of the first connection, as text."""
    return [
        line["data"]
        for line in transcript
        if line["dir"] == "server"
        and line["kind"] == "text"
        and '"event":"postgres_changes","payload":{"data"' in line["data"]
        and line.get("conn") == "A"
    ]


def shown(change: Change, *selected: str, hidden: frozenset[str] = frozenset()) -> str:
    readable = set(change.table.column_names) - hidden
    return payload.data(Logged(change), readable, selected)


def changes(database: Database, sql: str) -> list[Any]:
    """The `data` of what a script writes."""
    database.take_changes()
    database.execute(sql, NOW_S)
    return [json.loads(shown(change)) for change in database.take_changes()]


@pytest.mark.parametrize("name", ["pg_types.v1", "pg_todos_crud.v1"])
def test_changes_are_printed_as_recorded(name: str) -> None:
    """Only moments differ: they are of the recording."""
    transcript = _transcript(name)
    database = recorded()
    statements = [line["data"] for line in transcript if line["kind"] == "sql"]
    for statement in statements:
        if "after leave" not in statement:
            database.execute(statement, NOW_S)
    received = [_MOMENT.sub("", text) for text in _received(transcript)]
    written = [_MOMENT.sub("", shown(change)) for change in database.take_changes()]
    assert len(received) == len(written) > 0
    for text, data in zip(received, written, strict=True):
        assert f'"payload":{{"data":{data},"ids"' in text


ROW = "insert into {0}(id) values (1); update {0} set {1} = 'y' where id = 1; delete from {0}"


def test_the_old_row_of_an_update_is_its_replica_identity_also_under_row_level_security() -> None:
    _, updated, deleted = changes(recorded(), ROW.format("secrets_full", "body"))
    assert updated["old_record"] == {"id": 1, "body": None, "owner": None}
    assert deleted["old_record"] == {"id": 1}


def test_the_old_row_of_a_full_replica_identity_is_whole() -> None:
    _, updated, deleted = changes(recorded(), ROW.format("todos_full", "title"))
    assert (updated["old_record"]["title"], updated["record"]["title"]) == (None, "y")
    assert deleted["old_record"]["title"] == "y"


def test_columns_that_may_not_be_read_are_left_out_and_nothing_left_is_null() -> None:
    database = recorded()
    database.take_changes()
    database.execute(ROW.format("todos", "title"), NOW_S)
    inserted, _, deleted = database.take_changes()
    columns = frozenset(inserted.table.column_names)
    some = json.loads(shown(inserted, hidden=columns - {"id", "num"}))
    assert some["record"] == {"id": 1, "num": None}
    assert [column["name"] for column in some["columns"]] == ["id", "num"]
    none = json.loads(shown(deleted, hidden=columns))
    assert (none["columns"], none["old_record"]) == (None, None)


def test_what_the_log_does_not_print_is_null_and_characters_are_cut_to_one() -> None:
    """NaN in a list is text: the list is printed whole, and read again as such."""
    (inserted,) = changes(
        recorded(), "insert into types_t(id,c,d,p) values (1,'NaN','Infinity','\\xdeadbeef')"
    )
    assert [inserted["record"][name] for name in ("c", "d", "p")] == [None, None, "deadbeef"]


def noise() -> str:
    """A text that does not compress."""
    return "".join(md5(str(i).encode()).hexdigest() for i in range(100))


def test_a_large_value_that_did_not_change_is_missing_or_taken_from_the_old_row() -> None:
    """As the log has it: missing by default, there with a full replica identity."""
    for name, is_shown in (("todos", False), ("todos_full", True)):
        row = f"insert into {name}(id, title) values (1, '{noise()}')"
        inserted, updated = changes(recorded(), f"{row}; update {name} set num = 5")
        assert inserted["record"]["title"] == noise()
        assert updated["record"].get("title") == (noise() if is_shown else None)
        assert ("title" in updated["record"]) is is_shown
        assert updated["record"]["num"] == 5


TYPES = (
    "insert into types_t values (1,1,2,1.5,2.5,'12.50',true,'{a,\"b c\",null}','{1,2}',"
    "'{\"a\": 1}','{\"b\": 1}','2024-02-29','01:02:03','2024-02-29 01:02:03',"
    "'2024-02-29 01:02:03+00','11111111-1111-4111-8111-111111111111','\\x0102ff','abc',"
    "'1 day 2 hours','10.0.0.1/8')"
)


def test_an_entry_is_as_large_as_in_the_log_of_postgres() -> None:
    """The sizes are those of wal2json 2.5 under PostgreSQL 15, as jsonb in text."""
    database = recorded()
    database.take_changes()
    database.execute(
        """insert into todos_full values (1,'a"b',true,7,1.5,'{"a": [1, 2.50], "b": "c"}',
        '11111111-1111-4111-8111-111111111111','2026-01-02T03:04:05.678901Z');
        update todos_full set title='é' where id=1;
        delete from todos_full;"""
        + TYPES,
        NOW_S + 0.123456,
    )
    sizes = [Logged(change).size_bytes for change in database.take_changes()]
    assert sizes == [825, 1488, 824, 1670]


def test_more_than_a_mebibyte_of_log_leaves_the_small_values() -> None:
    database = recorded()
    (small,) = changes(database, "insert into todos(title) values (repeat('x', 1047000))")
    assert small["errors"] is None
    (large,) = changes(database, "insert into todos(title) values (repeat('x', 1048000))")
    assert large["errors"] == ["Error 413: Payload Too Large"]
    assert set(large["record"]) == {"id", "done", "created_at"}
