"""What has to fit together in a project: references, and expressions tried on a row of nulls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from fake_server.database import Caller, Database, Row, Schema, Table
from fake_server.database.catalog import OWNER
from fake_server.database.expressions import evaluate, is_true
from fake_server.database.messages import messages_table
from fake_server.database.sql import parse_expression
from fake_server.database.typed import typed_row
from fake_server.schema.node import Node


def named(schema: Schema, node: Node) -> Iterator[tuple[Table, Node]]:
    """Each table with its place in the file."""
    return zip(schema.tables, (table for _, table in node.table("tables").tables()), strict=True)


def check_references(schema: Schema, node: Node) -> None:
    """Raises `SchemaError` for a table that is there twice, and a reference to no key."""
    tables = {table.key: table for table in schema.tables}
    if len(tables) < len(schema.tables):
        raise node.error("two tables have the same schema and name", "tables")
    for table, place in named(schema, node):
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


def check_expressions(schema: Schema, node: Node) -> None:
    """Try every expression on a row of nulls, so that an unknown name is found here and now.
    Raises `SchemaError`."""
    database = Database(replace(schema, rows=()), random.Random(0))
    for table, place in named(schema, node):
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
