"""Definitions that change while the database runs: publication, policies, grants and the like."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlglot import exp

from fake_server.database.catalog import COMMANDS, ROLES, Policy, Table
from fake_server.database.errors import DatabaseError, unsupported
from fake_server.database.sql import name_of, parse_expression, table_key
from fake_server.database.store import Store

PUBLICATION = "supabase_realtime"

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_TABLE = rf"(?:{_NAME}\s*\.\s*)?{_NAME}"
_FLAGS = re.IGNORECASE | re.DOTALL
_PUBLICATION = re.compile(
    rf"alter\s+publication\s+(?P<name>{_NAME})\s+(?P<verb>add|drop|set)\s+table\s+(?P<tables>.+)",
    _FLAGS,
)
_IDENTITY = re.compile(
    rf"alter\s+table\s+(?:only\s+)?(?P<table>{_TABLE})\s+replica\s+identity\s+"
    r"(?P<identity>default|full|nothing)",
    _FLAGS,
)
_SECURITY = re.compile(
    rf"alter\s+table\s+(?:only\s+)?(?P<table>{_TABLE})\s+(?P<verb>enable|disable)\s+row\s+level\s+"
    "security",
    _FLAGS,
)
_CREATE_POLICY = re.compile(
    rf"create\s+policy\s+(?P<name>{_NAME})\s+on\s+(?P<table>{_TABLE})(?:\s+as\s+permissive)?"
    r"(?:\s+for\s+(?P<command>all|select|insert|update|delete))?"
    rf"(?:\s+to\s+(?P<roles>{_NAME}(?:\s*,\s*{_NAME})*?))?"
    r"(?:\s+using\s*\((?P<using>.+?)\))?(?:\s+with\s+check\s*\((?P<check>.+)\))?",
    _FLAGS,
)
_DROP_POLICY = re.compile(
    rf"drop\s+policy\s+(?P<lenient>if\s+exists\s+)?(?P<name>{_NAME})\s+on\s+(?P<table>{_TABLE})",
    _FLAGS,
)


def define(store: Store, text: str) -> bool:
    """Do what a statement says that the parser keeps as text; False for one that is not known
    here. Raises `DatabaseError`."""
    for pattern, act in _STATEMENTS:
        match = pattern.fullmatch(text.strip())
        if match is not None:
            act(store, match)
            return True
    return False


def grant(store: Store, statement: exp.Grant | exp.Revoke) -> None:
    """`grant select (id, title) on todos to anon`, and back. Raises `DatabaseError`."""
    securable = statement.args["securable"]
    if statement.args.get("kind") not in (None, "TABLE") or not isinstance(securable, exp.Table):
        raise unsupported(statement.sql(dialect="postgres")[:200])
    gives = isinstance(statement, exp.Grant)
    table = store.find_table(table_key(securable))
    for principal in statement.args["principals"]:
        role = name_of(principal.this)
        _require_role(role)
        for privilege in statement.args["privileges"]:
            table = _granted(table, role, privilege, gives)
    store.alter(table)


def _granted(table: Table, role: str, privilege: exp.Expr, gives: bool) -> Table:
    word = str(privilege.this.this).lower().removesuffix(" privileges")
    commands = COMMANDS if word == "all" else tuple(each for each in COMMANDS if each == word)
    if not privilege.expressions:
        held = table.grants.get(role, ())
        now = tuple(
            each
            for each in COMMANDS
            if (each in commands and gives) or (each in held and each not in commands)
        )
        columns = table.readable_columns
        if not gives and "select" in commands:
            columns = {each: names for each, names in columns.items() if each != role}
        return replace(table, grants={**table.grants, role: now}, readable_columns=columns)
    if commands != ("select",):
        raise unsupported(f"{word} of single columns")
    names = [name_of(column) for column in privilege.expressions]
    _require_columns(table, names)
    had = table.readable_columns.get(role, ())
    kept = tuple(name for name in had if name not in names)
    now_readable = (*kept, *names) if gives else kept
    return replace(table, readable_columns={**table.readable_columns, role: now_readable})


def _require_columns(table: Table, names: list[str]) -> None:
    for name in names:
        if table.column(name) is None:
            raise DatabaseError(
                "42703", f'column "{name}" of relation "{table.name}" does not exist'
            )


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise DatabaseError("42704", f'role "{role}" does not exist')


def _alter_publication(store: Store, match: re.Match[str]) -> None:
    if _name(match["name"]) != PUBLICATION:
        raise DatabaseError("42704", f'publication "{_name(match["name"])}" does not exist')
    listed = re.sub(r"(^|,)\s*(?:table|only)\s+", r"\1", match["tables"], flags=re.IGNORECASE)
    tables = [_find(store, part) for part in _parts(listed)]
    verb = match["verb"].lower()
    for table in tables:
        _require_membership(table, verb)
    wanted = {table.key for table in tables}
    for table in list(store.tables) if verb == "set" else tables:
        published = table.key in wanted and verb != "drop"
        store.alter(replace(table, published=published))


def _require_membership(table: Table, verb: str) -> None:
    if verb == "add" and table.published:
        raise DatabaseError(
            "42710", f'relation "{table.name}" is already member of publication "{PUBLICATION}"'
        )
    if verb == "drop" and not table.published:
        raise DatabaseError("42704", f'relation "{table.name}" is not part of the publication')


def _alter_identity(store: Store, match: re.Match[str]) -> None:
    identity: Any = match["identity"].lower()
    store.alter(replace(_find(store, match["table"]), replica_identity=identity))


def _alter_security(store: Store, match: re.Match[str]) -> None:
    rls = match["verb"].lower() == "enable"
    store.alter(replace(_find(store, match["table"]), rls=rls))


def _create_policy(store: Store, match: re.Match[str]) -> None:
    table, name = _find(store, match["table"]), _name(match["name"])
    if any(policy.name == name for policy in table.policies):
        raise DatabaseError("42710", f'policy "{name}" for table "{table.name}" already exists')
    roles = [_name(role) for role in (match["roles"] or "public").split(",")]
    for role in roles:
        if role != "public":
            _require_role(role)
    command: Any = (match["command"] or "all").lower()
    if command == "insert" and match["using"]:
        raise DatabaseError("42601", "only WITH CHECK expression allowed for INSERT")
    if command in ("select", "delete") and match["check"]:
        raise DatabaseError("42601", "WITH CHECK cannot be applied to SELECT or DELETE")
    for clause in ("using", "check"):
        if match[clause] is not None:
            parse_expression(match[clause])
    named = () if "public" in roles else tuple(roles)
    policy = Policy(name, command, named, match["using"], match["check"])
    store.alter(replace(table, policies=(*table.policies, policy)))


def _drop_policy(store: Store, match: re.Match[str]) -> None:
    table, name = _find(store, match["table"]), _name(match["name"])
    kept = tuple(policy for policy in table.policies if policy.name != name)
    if len(kept) == len(table.policies) and not match["lenient"]:
        raise DatabaseError("42704", f'policy "{name}" for table "{table.name}" does not exist')
    store.alter(replace(table, policies=kept))


def _find(store: Store, text: str) -> Table:
    names = [_name(part) for part in re.findall(_NAME, text)]
    if not re.fullmatch(_TABLE, text.strip()):
        raise DatabaseError("42601", f'syntax error at or near "{text.strip()}"')
    return store.find_table(("public", *names)[-2:])  # type: ignore[arg-type]


def _parts(text: str) -> list[str]:
    """What commas outside of quotes separate."""
    return [part.strip() for part in re.findall(r'(?:"[^"]*"|[^",])+', text)]


def _name(text: str) -> str:
    """An identifier as Postgres folds it."""
    plain = text.strip()
    return plain[1:-1].replace('""', '"') if plain.startswith('"') else plain.lower()


_STATEMENTS: tuple[tuple[re.Pattern[str], Callable[[Store, re.Match[str]], None]], ...] = (
    (_PUBLICATION, _alter_publication),
    (_IDENTITY, _alter_identity),
    (_SECURITY, _alter_security),
    (_CREATE_POLICY, _create_policy),
    (_DROP_POLICY, _drop_policy),
)
