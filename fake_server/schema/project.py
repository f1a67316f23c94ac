"""A project, of all tenants or of one: its users, tables, policies and rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from fake_server.database import Database, Row, Schema, Table
from fake_server.database.catalog import OWNER
from fake_server.schema.checks import check_expressions, check_references, named
from fake_server.schema.node import Node
from fake_server.schema.policies import read_policies
from fake_server.schema.tables import read_table
from fake_server.schema.users import read_sign_in, read_users

PROJECT = ("auth", "users", "tables", "messages")
"""The keys of what a project consists of."""


def read_project(node: Node) -> Schema:
    """The users, tables, policies and rows in this table of the file. Raises `SchemaError`."""
    tables = tuple(read_table(name, table) for name, table in node.table("tables").tables())
    messages = node.table("messages")
    messages.allow("policies")
    schema = Schema(
        tables=tables,
        message_policies=read_policies(messages),
        users=read_users(node),
        sign_in=read_sign_in(node.table("auth")),
    )
    check_references(schema, node)
    check_expressions(schema, node)
    return replace(schema, rows=_rows(schema, node))


def _rows(schema: Schema, node: Node) -> tuple[tuple[Table, Row], ...]:
    """The seed rows in the order of the file, each tried on a database."""
    database = Database(schema, random.Random(0))
    rows: list[tuple[Table, Row]] = []
    for table, place in named(schema, node):
        for index, item in enumerate(place.list("rows")):
            row = {name: as_json(value) for name, value in item.values.items()}
            with place.checking("rows", index):
                database.insert(table, [row], OWNER, 0.0)
            rows.append((table, row))
    return tuple(rows)


def as_json(value: Any) -> Any:
    """A TOML value as JSON."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    nested: dict[type, Callable[[Any], Any]] = {
        dict: lambda table: {key: as_json(item) for key, item in table.items()},
        list: lambda items: [as_json(item) for item in items],
    }
    return nested.get(type(value), lambda plain: plain)(value)
