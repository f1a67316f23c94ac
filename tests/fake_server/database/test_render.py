"""Rows as PostgREST shows them."""

from __future__ import annotations

from fake_server.database.render import rest_record
from tests.fake_server.database.project import NOW_S, recorded, table


def test_postgrest_shows_what_json_lacks_as_text_and_bytea_with_its_prefix() -> None:
    database = recorded()
    database.execute("insert into types_t(id,c,p) values (1,'NaN','\\xdeadbeef')", NOW_S)
    types_t = table(database, "types_t")
    (change,) = database.take_changes()
    assert change.new is not None
    shown = rest_record(types_t, change.new)
    assert (shown["c"], shown["p"]) == ("NaN", "\\xdeadbeef")
