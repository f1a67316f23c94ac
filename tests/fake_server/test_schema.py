"""Schema files: what they say, what the default one shares with its SQL, and how they go wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlglot import exp

from fake_server import ServerConfig
from fake_server.database import Column, DatabaseError, Policy, Schema, Table
from fake_server.database.sql import name_of, parse_expression, parse_statements, table_key
from fake_server.schema import SchemaError, default_schema, load, loads, server_configs
from fake_server.schema.column_definition import parse_column
from tests.fake_server.database.project import GOLDEN_SCHEMA

ROOT = Path(__file__).parents[2]
COURSE_SQL = ROOT / "docs" / "sql" / "course_generation.sql"
RECORDED_SQL = ROOT / "tests" / "golden" / "supabase" / "schema.sql"

Columns = dict[tuple[str, str], list[tuple[Column, bool]]]

ADA_ID = "11111111-1111-4111-8111-111111111111"


def _created(sql: str) -> Columns:
    """The columns of each table that a script creates."""
    found: Columns = {}
    for match in re.finditer(r"create table [^;]*", sql):
        body = parse_statements(match[0])[0].this
        if isinstance(body.expressions[0], exp.LikeProperty):
            found[table_key(body)] = found[table_key(body.expressions[0].this)]
            continue
        found[table_key(body)] = [
            parse_column(name_of(column.this), _definition(column)) for column in body.expressions
        ]
    return found


def _definition(column: exp.Expr) -> str:
    return column.sql(dialect="postgres").split(" ", 1)[1]


def _policies(sql: str) -> dict[tuple[str, ...], tuple[str | None, ...]]:
    """Schema, table and name of each policy, and what it says."""
    pattern = re.compile(
        r'create policy (?:"(?P<quoted>[^"]*)"|(?P<plain>\w+)) on (?P<table>[\w.]+)\s+'
        r"for (?P<command>\w+) to (?P<role>\w+)\s*(?:using \((?P<using>.*?)\))?\s*"
        r"(?:with check \((?P<check>.*?)\))?;",
        re.DOTALL,
    )
    return {
        (*match["table"].split("."), match["quoted"] or match["plain"]): (
            match["command"],
            match["role"],
            _normal(match["using"]),
            _normal(match["check"]),
        )
        for match in pattern.finditer(sql)
    }


def _normal(condition: str | None) -> str | None:
    return None if condition is None else parse_expression(condition).sql(dialect="postgres")


def _said(schema: str, table: str, policies: tuple[Policy, ...]) -> dict[tuple[str, ...], object]:
    return {
        (schema, table, policy.name): (
            policy.command,
            *policy.roles,
            _normal(policy.using),
            _normal(policy.check),
        )
        for policy in policies
    }


def _flags(tables: tuple[Table, ...], flag: str) -> set[str]:
    return {table.name for table in tables if getattr(table, flag)}


@pytest.mark.parametrize(
    ("schema", "sql"),
    [(default_schema(), COURSE_SQL), (load(GOLDEN_SCHEMA), RECORDED_SQL)],
    ids=["default", "recorded"],
)
def test_the_schema_file_and_the_sql_say_the_same(schema: Schema, sql: Path) -> None:
    """Or what passes here would meet other tables on the real server."""
    text = re.sub(r"--[^\n]*", "", sql.read_text("utf-8"))
    created = _created(text)
    assert set(created) == {table.key for table in schema.tables}
    for table in schema.tables:
        assert list(table.columns) == [column for column, _ in created[table.key]]
        primary = [column.name for column, is_primary in created[table.key] if is_primary]
        assert list(table.primary_key) == primary
    stated = _said("realtime", "messages", schema.message_policies)
    for table in schema.tables:
        stated |= _said(*table.key, table.policies)
    assert stated == _policies(text)
    secured = re.findall(r"alter table public\.(\w+) enable row level security", text)
    assert _flags(schema.tables, "rls") == set(secured)
    published = re.search(r"(?:add table (public\.[^;%]*)|array\[(.*?)\])", text, re.DOTALL)
    assert published is not None
    names = re.findall(r"\w+", (published[1] or published[2]).replace("public.", ""))
    assert _flags(schema.tables, "published") == set(names)


def test_single_columns_can_be_granted() -> None:
    columns = "columns = { id = 'int', a = 'text' }"
    text = f"[tables.t]\n{columns}\ngrants.anon = ['insert', 'select(id, a)']"
    (table,) = loads(text).tables
    assert (table.grants, table.readable_columns) == ({"anon": ("insert",)}, {"anon": ("id", "a")})


def test_replica_identities_are_those_recorded() -> None:
    full = {t.name for t in load(GOLDEN_SCHEMA).tables if t.replica_identity == "full"}
    assert full == {"todos_full", "secrets_full"}


def test_the_default_tenant_is_the_default_server() -> None:
    schema = default_schema()
    assert server_configs(schema) == [ServerConfig(schema=schema)]


def test_a_tenant_has_a_plan_and_limits_of_its_own() -> None:
    (config,) = server_configs(
        loads(
            "[tenants.acme]\nplan = 'pro'\nprivate_only = true\n"
            "limits = { max_events_per_second = 7 }"
        )
    )
    assert (config.tenant, config.private_only) == ("acme", True)
    assert (config.users_max, config.events_per_s_max) == (500, 7)


def test_each_tenant_has_what_it_gives_and_else_what_stands_outside() -> None:
    schema = loads(
        "[tables.shared.columns]\nid = 'int primary key'\n"
        "[tenants.a]\nplan = 'pro'\n"
        "[tenants.b.tables.own]\nrows = [{ id = 1 }]\ncolumns = { id = 'int primary key' }\n"
        "[tenants.c]\nlimits = { max_events_per_second = 7 }\n"
    )
    configs = server_configs(schema)
    assert [(one.tenant, one.events_per_s_max) for one in configs] == [
        ("a", 500),
        ("b", 100),
        ("c", 7),
    ]
    schemas = [one.schema for one in configs if one.schema is not None]
    names = [[table.name for table in each.tables] for each in schemas]
    assert names == [["shared"], ["own"], ["shared"]]
    assert [row for _, row in schemas[1].rows] == [{"id": 1}]


def test_users_are_read_and_their_passwords_shown_to_nobody() -> None:
    (user, _) = default_schema().users
    assert (user.email, user.role) == ("ada@example.com", "authenticated")
    assert user.password
    assert user.password not in repr(default_schema())


def test_dates_of_toml_and_nested_values_become_json() -> None:
    schema = loads(
        "[tables.t]\ncolumns.d = 'date'\ncolumns.j = 'jsonb'\n"
        "rows = [{ d = 2026-01-02, j = { at = 03:04:05, n = [1] } }]"
    )
    assert schema.rows[0][1] == {"d": "2026-01-02", "j": {"at": "03:04:05", "n": [1]}}


@pytest.mark.parametrize(
    ("text", "line", "key", "rule"),
    [
        ("a =\n", 1, "TOML", "Invalid value"),
        (
            "x = 1",
            1,
            "x",
            "no such key; there are tenants, jwt_claim_validators, auth, users, tables, messages",
        ),
        ("[tables]\nt = 3", 2, "tables.t", "has to be a table, not 3"),
        ("[tables.t]\nrls = true", 1, "tables.t.columns", "a table needs at least one column"),
        ("[tables.t]\ncolumns.id = 'bigintt'", 2, "tables.t.columns.id", 'type "bigintt" does not'),
        ("[tables.t]\ncolumns.id = ''", 2, "tables.t.columns.id", "'' is no column definition"),
        ("[tables.t]\ncolumns.id = 5", 2, "tables.t.columns.id", "has to be a string, not 5"),
        (
            "[tables.t]\ncolumns.id = 'int; drop table x'",
            2,
            "tables.t.columns.id",
            "syntax error",
        ),
        (
            "[tables.t]\ncolumns.id = 'int default foo()'",
            2,
            "tables.t.columns.id",
            "function foo() does not exist",
        ),
        (
            "[tables.t]\ncolumns.id = 'int references x(id)'",
            2,
            "tables.t.columns.id",
            'relation "x" does not exist',
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\nprimary_key = ['di']",
            3,
            "tables.t.primary_key",
            "'di' is no column of the table",
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\n\n# which?\npublishd = true",
            5,
            "tables.t.publishd",
            "no such key",
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\nrls = 'yes'",
            3,
            "tables.t.rls",
            "has to be true or false",
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\nreplica_identity = 'all'",
            3,
            "tables.t.replica_identity",
            "'all' is none of default, full, nothing",
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\ngrants.anon = ['read']",
            3,
            "tables.t.grants.anon",
            "'read' is none of select, insert, update, delete, select(column, …)",
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\ngrants.anon = ['select(id, nocol)']",
            3,
            "tables.t.grants.anon",
            "'nocol' is no column of the table",
        ),
        (
            "[tables.t]\ncolumns.id = 'int'\n[[tables.t.policies]]\nname = 'a'\nusing = 'true'\n"
            "[[tables.t.policies]]\nname = 'b'\nusing = 'idd = 1'",
            8,
            "tables.t.policies.1.using",
            'column "idd" does not exist',
        ),
        (
            "[[messages.policies]]\nname = 'a'\nfor = 'insert'\nusing = 'true'",
            4,
            "messages.policies.0.using",
            "only a check is allowed for insert",
        ),
        (
            "[tables.t]\ncolumns.id = 'int primary key'\nrows = [\n { id = 1 },\n { id = 1 },\n]",
            5,
            "tables.t.rows.1",
            'duplicate key value violates unique constraint "t_pkey"',
        ),
        ("[[users]]\nid = 'x'", 2, "users.0.id", "'x' is no UUID"),
        ("[[users]]\nemail = 'a@b'", 1, "users.0.id", "is missing"),
        (
            "[tenants.a]\n\n[tenants.b]\n[[tenants.b.users]]\nid = 'x'",
            5,
            "tenants.b.users.0.id",
            "'x' is no UUID",
        ),
        (
            "[tenants.b.tables.notes.columns]\nid = 'int primary key'\nof = 'integr'",
            3,
            "tenants.b.tables.notes.columns.of",
            'type "integr" does not exist',
        ),
        (
            "[tables.notes.columns]\nid = 'int primary key'\n[tenants.b]\n"
            "[[tenants.b.tables.todos.policies]]\nname = 'own'\nusing = 'idd = 1'\n"
            "[tenants.b.tables.todos.columns]\nid = 'int primary key'",
            6,
            "tenants.b.tables.todos.policies.0.using",
            'column "idd" does not exist',
        ),
        ("[auth]\n\nfoo = 1", 3, "auth.foo", "no such key; there are token_lifetime_s"),
        ("[auth]\nsign_up = 1", 2, "auth.sign_up", "has to be true or false, not 1"),
        ("[auth]\ncode_length = 4", 2, "auth.code_length", "code_length: 4 is out of range"),
        (
            "[auth]\n[auth.rate_limits]\nx = 1",
            3,
            "auth.rate_limits.x",
            "rate_limits: 'x' is no rate limit",
        ),
        (
            f"[[users]]\nid = '{ADA_ID}'\nemail = 'a@b.c'\n"
            f"[[users]]\nid = '{ADA_ID[:-1]}2'\nemail = 'A@b.c'",
            6,
            "users.1.email",
            "two users have the email A@b.c",
        ),
        ("[tenants.'a.b']", 1, "tenants.a.b", "tenant: 'a.b' is no single DNS label"),
        ("[tenants.a]\nplan = 'gold'", 2, "tenants.a.plan", "'gold' is none of free, pro"),
        (
            "[tenants.a]\n\n[tenants.a.limits]\nmax_foo = 3",
            4,
            "tenants.a.limits.max_foo",
            "'max_foo' is no setting of a tenant",
        ),
    ],
)
def test_a_wrong_file_is_named_by_line_key_and_rule(
    text: str, line: int, key: str, rule: str
) -> None:
    with pytest.raises(SchemaError) as raised:
        loads(text, "project.toml")
    error = raised.value
    assert (error.line, error.key) == (line, key)
    assert error.rule.startswith(rule)
    assert str(error) == f"project.toml, line {line}: {key}: {error.rule}"


@pytest.mark.parametrize(
    "name", ["datetime", "string", "double", "blob", "tinyint", "int64", "array"]
)
def test_types_of_other_databases_are_refused_as_by_postgres(name: str) -> None:
    with pytest.raises(DatabaseError, match=f'type "{name}" does not exist'):
        parse_column("x", f"{name} not null")


@pytest.mark.parametrize(
    ("definition", "type_name"),
    [
        ("Double  Precision not null", "float8"),
        ("character varying(5)", "varchar"),
        ("timestamp with time zone", "timestamptz"),
        ("dec(3, 1)", "numeric"),
        ("int array[4]", "_int4"),
        ('"text"', "text"),
        ("bigserial", "int8"),
    ],
)
def test_types_are_known_by_each_of_their_names(definition: str, type_name: str) -> None:
    assert parse_column("x", definition)[0].type == type_name


@pytest.mark.parametrize(
    "text",
    [
        "[tenants.a]\njwt_secret = 'hunter2'",
        "[tenants.a]\njwt_secret = ['hunter2']",
        "[tenants.a]\njwks = 'hunter2'",
        "[tenants.a]\njwks = { keys = [{ kty = 'oct', k = 'hunter2', kid = 5 }] }",
        "[[users]]\nid = '11111111-1111-4111-8111-111111111111'\npassword = ['hunter2']",
    ],
)
def test_a_wrong_secret_is_not_quoted(text: str) -> None:
    with pytest.raises(SchemaError) as raised:
        loads(text)
    assert "hunter2" not in str(raised.value)


def test_the_examples_of_the_documentation_work() -> None:
    text = (ROOT / "docs" / "schema.md").read_text("utf-8")
    example, several = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert [one.tenant for one in server_configs(loads(several))] == ["acme", "globex"]
    schema = loads(example)
    assert [table.name for table in schema.tables] == ["todos"]
    assert server_configs(schema)[0].events_per_s_max == 50


def test_sign_in_is_set_up_by_its_table() -> None:
    text = """
[auth]
email_confirm = true
token_lifetime_s = 60
redirect_urls = ["https://*.example.com/**"]

[auth.rate_limits]
anonymous_users = 30
"""
    settings = loads(text).sign_in
    assert (settings.email_confirm, settings.token_lifetime_s) == (True, 60)
    assert settings.redirect_urls == ("https://*.example.com/**",)
    assert settings.rate_limits == {"anonymous_users": 30}
    assert settings.sign_up
