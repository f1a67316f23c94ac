"""Whatever text comes, the database answers or refuses; nothing else ever escapes it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.database import DatabaseError, cast, from_json, order_key
from fake_server.database.output import output
from tests.fake_server.database.project import NOW_S, recorded

_TYPES = [column.type for column in recorded().find_table(("public", "types_t")).columns]
_TEXTS = st.one_of(
    st.text(max_size=40),
    st.text("0123456789.-+:eETZ {}\",\\xabcINFinfy'", max_size=30),
)
_ATOMS = st.sampled_from(
    [
        *("1", "-2", "2.5", "'a'", "'{}'", "'{1}'", "null", "true", "now()", "*", "default"),
        *("id", "title", "num", "meta", "owner", "price", "done", "auth.uid()", "auth.jwt()"),
        *("array[1, null]", "array['a']", "'1'::text", "'{\"a\": [1]}'::jsonb", "(select 1)"),
        *("'1 day'::interval", "generate_series(1, 2)", "repeat('a', 2)"),
    ]
)
_OPERATORS = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "=",
        "<>",
        "<",
        "->",
        "->>",
        "@>",
        "?",
        "~",
        "like",
        "and",
        "is",
    ]
)


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions of expressions."""
    return st.one_of(
        st.tuples(inner, _OPERATORS, inner).map(" ".join),
        inner.map(lambda it: f"({it})"),
        inner.map(lambda it: f"not {it}"),
        inner.map(lambda it: f"{it} is not null"),
        inner.map(lambda it: f"({it})::int"),
        inner.map(lambda it: f"({it})::text[]"),
        st.tuples(inner, inner).map(lambda two: f"{two[0]} in ({two[1]}, {two[0]})"),
        st.tuples(inner, inner).map(lambda two: f"{two[0]} = any({two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"coalesce({two[0]}, {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"case when {two[0]} then {two[1]} end"),
        st.tuples(inner, inner).map(lambda two: f"split_part({two[0]}, 'a', {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"jsonb_build_object({two[0]}, {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"realtime.send({two[0]}, {two[1]}, 't')"),
        inner.map(lambda it: f"repeat('ab', {it})"),
        inner.map(lambda it: f"exists (select {it} from todos where {it})"),
        inner.map(lambda it: f"nullif({it}, {it}) || lower({it})"),
        inner.map(lambda it: f"current_setting({it})"),
    )


_EXPRESSIONS = st.recursive(_ATOMS, _longer, max_leaves=6)
_TEMPLATES = st.sampled_from(
    [
        "select {0}",
        "select {0}, {1} from todos where {0}",
        "insert into todos(title, num) values ({0}, {1}) returning {0}",
        "insert into todos(meta) select {0} from generate_series({1}, 3)",
        "insert into todos(id) values (1) on conflict (id) do update set title = {0} where {1}",
        "update todos set title = {0}, meta = {1} where {0} returning *",
        "delete from todos where {0}",
        "select count({0}) from todos where {1} limit {0}",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", sorted(set(_TYPES)))
@settings(max_examples=150, deadline=None)
@given(text=_TEXTS)
def test_any_text_is_cast_or_refused(kind: str, text: str) -> None:
    with contextlib.suppress(DatabaseError):
        value = cast(kind, text)
        order_key(kind, value)
        assert cast(kind, output(kind, value)) == value or value != value


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(_TYPES), value=_JSON)
def test_any_json_is_stored_or_refused(kind: str, value: object) -> None:
    with contextlib.suppress(DatabaseError):
        from_json(kind, value)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(template=_TEMPLATES, first=_EXPRESSIONS, second=_EXPRESSIONS)
def test_any_sql_is_run_or_refused(template: str, first: str, second: str) -> None:
    database = recorded()
    database.execute("insert into todos(id, title) values (1, 'a'), (2, null)", NOW_S)
    with contextlib.suppress(DatabaseError):
        database.execute(template.format(first, second), NOW_S)


@pytest.mark.parametrize(
    "text",
    ["select " + "(" * 5000 + "1" + ")" * 5000, "select " + "not " * 5000 + "true", "select '"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(DatabaseError):
        recorded().execute(text, NOW_S)
