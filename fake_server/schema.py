"""The schema file: a project's tenant, users, tables, policies and rows, read from TOML.

`docs/schema.md` describes it. Whatever is wrong with a file is a `SchemaError` that names the line,
the key and the rule.
"""

from __future__ import annotations

import random
import re
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fake_server.column_definition import parse_column
from fake_server.config import ServerConfig
from fake_server.database import (
    Caller,
    Column,
    Database,
    Policy,
    Row,
    Schema,
    Table,
    Tenant,
    User,
)
from fake_server.database.catalog import API_ROLES, COMMANDS, OWNER
from fake_server.database.expressions import evaluate, is_true
from fake_server.database.messages import messages_table
from fake_server.database.sql import parse_expression
from fake_server.database.typed import typed_row
from fake_server.plans import PLANS
from fake_server.schema_node import Node, SchemaError
from fake_server.sign_in import SignIn
from fake_server.tenant import BadTenant, changed

__all__ = ["SchemaError", "default_schema", "load", "loads", "server_configs"]

_IDENTITIES = ("default", "full", "nothing")
_OF_COLUMNS = re.compile(r"select\s*\((.+)\)")
_POLICY_COMMANDS = ("all", *COMMANDS)
_PROJECT = ("auth", "users", "tables", "messages")
"""What a project consists of, outside of all tenants or in one."""


def load(path: str | Path) -> Schema:
    """Read a schema file. Raises `SchemaError`, and `OSError` for a file that cannot be read."""
    return loads(Path(path).read_bytes().decode("utf-8", "replace"), str(path))


@cache
def default_schema() -> Schema:
    """The project that ships with the server: generating courses, job by job."""
    text = files("fake_server").joinpath("default_schema.toml").read_text("utf-8")
    return loads(text, "default_schema.toml")


def server_configs(schema: Schema, **settings: Any) -> list[ServerConfig]:
    """The settings of a server that plays these projects: one for each tenant, with its plan, its
    limits and its tables; for a schema without tenants, those of a server's defaults.

    Raises `BadTenant` for what no tenant can have; a schema from a file has been checked for it.
    """
    settings.setdefault("jwt_claim_validators", schema.jwt_claim_validators)
    config = ServerConfig(schema=schema, **settings)
    return [
        changed(
            replace(config, tenant=tenant.name, schema=tenant.schema or schema), _fields(tenant)
        ).config
        for tenant in schema.tenants
    ] or [config]


def loads(text: str, source: str = "schema") -> Schema:
    """Read the text of a schema file. Raises `SchemaError`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None) or _line_in(str(error))
        raise SchemaError(source, line, "TOML", str(error)) from None
    node = Node(document, (), text, source)
    node.allow("tenants", "jwt_claim_validators", *_PROJECT)
    claims = {
        name: _json(value) for name, value in node.table("jwt_claim_validators").values.items()
    }
    return replace(_project(node), tenants=_tenants(node), jwt_claim_validators=claims)


def _project(node: Node) -> Schema:
    """The users, tables and policies in this table of the file."""
    tables = tuple(_table(name, table) for name, table in node.table("tables").tables())
    messages = node.table("messages")
    messages.allow("policies")
    schema = Schema(
        tables=tables,
        message_policies=_policies(messages),
        users=_users(node),
        sign_in=_sign_in(node.table("auth")),
    )
    _check_references(schema, node)
    _check_expressions(schema, node)
    return replace(schema, rows=_rows(schema, node))


def _line_in(message: str) -> int:
    words = message.replace(",", " ").replace(")", " ").split()
    return int(words[words.index("line") + 1]) if "line" in words else 1


# Tenants and users.


def _tenants(node: Node) -> tuple[Tenant, ...]:
    return tuple(_tenant(name, tenant) for name, tenant in node.table("tenants").tables())


def _tenant(name: str, node: Node) -> Tenant:
    node.allow("jwt_secret", "jwks", "plan", "limits", "private_only", *_PROJECT)
    limits = node.table("limits")
    tenant = Tenant(
        name=name,
        jwt_secret=node.get("jwt_secret", str),
        jwks=node.get("jwks", dict),
        plan=node.get("plan", str),
        limits={key: limits.get(key, int) for key in limits.values},
        private_only=node.get("private_only", bool, False),
        schema=_project(node) if any(key in node.values for key in _PROJECT) else None,
    )
    _check_tenant(tenant, node)
    return tenant


def _fields(tenant: Tenant) -> dict[str, Any]:
    """What deviates from the defaults, by the names of the tenant's API."""
    given = {"jwt_secret": tenant.jwt_secret, "jwt_jwks": tenant.jwks}
    return {
        **PLANS.get(tenant.plan or "", {}),
        **tenant.limits,
        **{name: value for name, value in given.items() if value is not None},
        "private_only": tenant.private_only,
    }


def _check_tenant(tenant: Tenant, node: Node) -> None:
    """Try each setting on a server's defaults."""
    try:
        defaults = ServerConfig(tenant=tenant.name)
    except ValueError as error:
        raise node.error(str(error)) from None
    if tenant.plan is not None and tenant.plan not in PLANS:
        raise node.error(f"{tenant.plan!r} is none of {', '.join(PLANS)}", "plan")
    places = {name: ("limits", name) for name in tenant.limits} | {"jwt_jwks": ("jwks",)}
    for name, value in _fields(tenant).items():
        try:
            changed(defaults, {name: value})
        except BadTenant as error:
            raise node.error(str(error), *places.get(name, (name,))) from None


def _users(node: Node) -> tuple[User, ...]:
    users = tuple(_user(user) for user in node.list("users"))
    for index, user in enumerate(users):
        earlier = users[:index]
        if any(user.id == other.id for other in earlier):
            raise node.error(f"two users have the id {user.id}", "users", index, "id")
        # Emails are compared without case, as whoever signs in may write them.
        if user.email and any(user.email.lower() == (each.email or "").lower() for each in earlier):
            raise node.error(f"two users have the email {user.email}", "users", index, "email")
    return users


def _user(node: Node) -> User:
    node.allow("id", "email", "password", "role", "app_metadata", "user_metadata", "confirmed")
    given = node.need("id", str)
    try:
        user_id = str(uuid.UUID(given))
    except ValueError:
        raise node.error(f"{given!r} is no UUID", "id") from None
    return User(
        id=user_id,
        email=node.get("email", str),
        password=node.get("password", str),
        role=node.get("role", str, "authenticated"),
        app_metadata=node.get("app_metadata", dict, {}),
        user_metadata=node.get("user_metadata", dict, {}),
        confirmed=node.get("confirmed", bool, True),
    )


def _sign_in(node: Node) -> SignIn:
    known = {setting.name: setting for setting in fields(SignIn)}
    node.allow(*known)
    rates = node.table("rate_limits")
    read: dict[str, Any] = {"rate_limits": {name: rates.get(name, int) for name in rates.values}}
    for name in node.values:
        if name == "redirect_urls":
            read[name] = node.strings(name)
        elif name != "rate_limits":
            read[name] = node.get(name, type(known[name].default))
    limits = [(rates, name, {"rate_limits": {name: rates.get(name, int)}}) for name in rates.values]
    for place, name, setting in [*limits, *((node, name, {name: read[name]}) for name in read)]:
        try:
            SignIn(**setting)
        except ValueError as error:
            raise place.error(str(error), name) from None
    return SignIn(**read)


# Tables.


def _table(qualified: str, node: Node) -> Table:
    node.allow(
        "columns",
        "primary_key",
        "replica_identity",
        "published",
        "rls",
        "policies",
        "grants",
        "rows",
    )
    schema, _, name = qualified.rpartition(".")
    definitions = node.table("columns")
    if not definitions.values:
        raise node.error("a table needs at least one column", "columns")
    columns, primary = _columns(definitions)
    primary = node.strings("primary_key") or primary
    for key in primary:
        if key not in definitions.values:
            raise node.error(f"{key!r} is no column of the table", "primary_key")
    return Table(
        schema=schema or "public",
        name=name,
        columns=tuple(
            replace(column, nullable=False) if column.name in primary else column
            for column in columns
        ),
        primary_key=primary,
        replica_identity=node.one_of("replica_identity", _IDENTITIES, "default"),
        published=node.get("published", bool, False),
        rls=node.get("rls", bool, False),
        policies=_policies(node),
        grants=_grants(node),
        readable_columns=_readable_columns(node, definitions),
    )


def _columns(node: Node) -> tuple[list[Column], tuple[str, ...]]:
    """The columns, and those that call themselves primary key."""
    columns: list[Column] = []
    primary: list[str] = []
    for name in node.values:
        definition = node.get(name, str)
        with node.checking(name):
            column, is_primary = parse_column(name, definition)
        columns.append(column)
        if is_primary:
            primary.append(name)
    return columns, tuple(primary)


def _policies(node: Node) -> tuple[Policy, ...]:
    return tuple(_policy(item) for item in node.list("policies"))


def _policy(node: Node) -> Policy:
    node.allow("name", "for", "to", "using", "check")
    for clause in ("using", "check"):
        if clause in node.values:
            with node.checking(clause):
                parse_expression(node.get(clause, str))
    command = node.one_of("for", _POLICY_COMMANDS, "all")
    if command == "insert" and "using" in node.values:
        raise node.error("only a check is allowed for insert", "using")
    if command in ("select", "delete") and "check" in node.values:
        raise node.error(f"no check is allowed for {command}", "check")
    if not {"using", "check"} & set(node.values):
        raise node.error("a policy needs using or check", "name")
    return Policy(
        name=node.need("name", str),
        command=command,
        roles=tuple(role for role in node.strings("to") if role != "public"),
        using=node.get("using", str),
        check=node.get("check", str),
    )


def _grants(node: Node) -> Mapping[str, Any]:
    if "grants" not in node.values:
        return dict.fromkeys(API_ROLES, COMMANDS)
    grants = node.table("grants")
    found: dict[str, Any] = {}
    for role in grants.values:
        found[role] = tuple(
            each for each in grants.strings(role) if not _OF_COLUMNS.fullmatch(each)
        )
        for command in found[role]:
            if command not in COMMANDS:
                known = f"{', '.join(COMMANDS)}, select(column, …)"
                raise grants.error(f"{command!r} is none of {known}", role)
    return found


def _readable_columns(node: Node, columns: Node) -> Mapping[str, tuple[str, ...]]:
    """What `select(id, title)` among the grants of a role lets it read."""
    if "grants" not in node.values:
        return {}
    grants = node.table("grants")
    found: dict[str, tuple[str, ...]] = {}
    for role in grants.values:
        for match in filter(None, map(_OF_COLUMNS.fullmatch, grants.strings(role))):
            names = tuple(name.strip() for name in match[1].split(","))
            for name in names:
                if name not in columns.values:
                    raise grants.error(f"{name!r} is no column of the table", role)
            found[role] = (*found.get(role, ()), *names)
    return found


# What has to fit together.


def _named(schema: Schema, node: Node) -> Iterator[tuple[Table, Node]]:
    return zip(schema.tables, (table for _, table in node.table("tables").tables()), strict=True)


def _check_references(schema: Schema, node: Node) -> None:
    tables = {table.key: table for table in schema.tables}
    if len(tables) < len(schema.tables):
        raise node.error("two tables have the same schema and name", "tables")
    for table, place in _named(schema, node):
        for column in table.columns:
            target = column.references
            if target is None:
                continue
            parent = tables.get((target.schema, target.table))
            if parent is None:
                raise place.error(
                    f'relation "{target.table}" does not exist', "columns", column.name
                )
            if (target.column,) not in parent.unique_keys.values():
                raise place.error(
                    "there is no unique constraint matching given keys for referenced table "
                    f'"{target.table}"',
                    "columns",
                    column.name,
                )


def _check_expressions(schema: Schema, node: Node) -> None:
    """Try every expression on a row of nulls, so that an unknown name is found here and now."""
    database = Database(replace(schema, rows=()), random.Random(0))
    for table, place in _named(schema, node):
        _try_policies(database, table, place)
        for column in table.columns:
            if column.default is not None:
                with place.checking("columns", column.name):
                    evaluate(parse_expression(column.default), database.scope(OWNER, 0.0))
            if column.check is not None:
                _try(database, table, column.check, place, "columns", column.name)
    _try_policies(database, messages_table(schema.message_policies), node.table("messages"))


def _try_policies(database: Database, table: Table, place: Node) -> None:
    for index, policy in enumerate(table.policies):
        for clause, condition in (("using", policy.using), ("check", policy.check)):
            if condition is not None:
                _try(database, table, condition, place, "policies", index, clause)


def _try(
    database: Database,
    table: Table,
    condition: str,
    place: Node,
    key: str,
    *more: str | int,
) -> None:
    nobody = Caller("anon", {}, "")
    nulls: Row = dict.fromkeys(column.name for column in table.columns)
    scope = database.scope(nobody, 0.0).within({table.name: typed_row(table, nulls)})
    with place.checking(key, *more):
        is_true(parse_expression(condition), scope)


def _rows(schema: Schema, node: Node) -> tuple[tuple[Table, Row], ...]:
    """The seed rows in the order of the file, each tried on a database."""
    database = Database(schema, random.Random(0))
    rows: list[tuple[Table, Row]] = []
    for table, place in _named(schema, node):
        for index, item in enumerate(place.list("rows")):
            row = {name: _json(value) for name, value in item.values.items()}
            with place.checking("rows", index):
                database.insert(table, [row], OWNER, 0.0)
            rows.append((table, row))
    return tuple(rows)


def _json(value: Any) -> Any:
    """A TOML value as JSON."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    nested: dict[type, Callable[[Any], Any]] = {
        dict: lambda table: {key: _json(item) for key, item in table.items()},
        list: lambda items: [_json(item) for item in items],
    }
    return nested.get(type(value), lambda plain: plain)(value)
