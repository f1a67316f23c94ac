"""Tables: their columns, keys, grants and policies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fake_server.database import Column, Table
from fake_server.database.catalog import API_ROLES, COMMANDS
from fake_server.schema.column_definition import parse_column
from fake_server.schema.node import Node
from fake_server.schema.policies import read_policies

_IDENTITIES = ("default", "full", "nothing")
_OF_COLUMNS = re.compile(r"select\s*\((.+)\)")


def read_table(qualified: str, node: Node) -> Table:
    """A table of this name, with its schema where it has one. Raises `SchemaError`."""
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
        policies=read_policies(node),
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
