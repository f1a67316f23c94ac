"""Rows as clients were recorded to receive them, byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fake_server.database import Database, json_text
from fake_server.database.render import log_record, old_record, rest_record
from tests.fake_server.database.project import NOW_S, recorded, table

GOLDEN = Path(__file__).parents[2] / "golden" / "supabase"
_MOMENT = re.compile(r'"created_at": "[^"]*"')


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


def _written(database: Database) -> list[list[str]]:
    """What the same changes have to show, as pieces of those texts."""
    pieces = []
    for change in database.take_changes():
        old = old_record(change)
        shown = [f'"type":"{change.kind}"']
        if change.new is not None:
            shown.append(f'"record":{json_text(log_record(change.table, change.new))}')
        if old is not None:
            shown.append(f'"old_record":{json_text(old)}')
        pieces.append(shown)
    return pieces


@pytest.mark.parametrize("name", ["pg_types.v1", "pg_todos_crud.v1"])
def test_records_are_printed_as_recorded(name: str) -> None:
    """Only the default of `created_at` differs: it is the time of the recording."""
    transcript = _transcript(name)
    database = recorded()
    statements = [line["data"] for line in transcript if line["kind"] == "sql"]
    for statement in statements:
        if "after leave" not in statement:
            database.execute(statement, NOW_S)
    received = [_MOMENT.sub("", text) for text in _received(transcript)]
    written = _written(database)
    assert len(received) == len(written) > 0
    for text, pieces in zip(received, written, strict=True):
        for piece in pieces:
            assert _MOMENT.sub("", piece) in text


def test_under_row_level_security_the_old_row_is_its_key() -> None:
    """Also with replica identity full."""
    database = recorded()
    database.execute("insert into secrets_full(id,body) values (1,'x')", NOW_S)
    database.execute("insert into todos_full(id,title) values (1,'x')", NOW_S)
    database.take_changes()
    database.execute("delete from secrets_full; delete from todos_full", NOW_S)
    secret, todo = (old_record(change) for change in database.take_changes())
    assert secret == {"id": 1}
    assert todo is not None
    assert todo["title"] == "x"


def test_postgrest_shows_what_json_lacks_as_text_and_bytea_with_its_prefix() -> None:
    database = recorded()
    database.execute("insert into types_t(id,c,p) values (1,'NaN','\\xdeadbeef')", NOW_S)
    types_t = table(database, "types_t")
    (change,) = database.take_changes()
    assert change.new is not None
    shown = rest_record(types_t, change.new)
    assert (shown["c"], shown["p"]) == ("NaN", "\\xdeadbeef")
    assert json_text(log_record(types_t, change.new, ["c", "p"])) == '{"c": null, "p": "deadbeef"}'
