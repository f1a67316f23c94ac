"""The description of the tables at the root: OpenAPI 2, short and true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fake_server.database import Column, Table, types

_FORMS = {"N": "number", "B": "boolean"}
_INTEGERS = ("int2", "int4", "int8")


def describe(tables: Iterable[Table], version: str) -> dict[str, Any]:
    """What there is: the tables with their columns, and the methods that each has."""
    tables = list(tables)
    return {
        "swagger": "2.0",
        "info": {"title": "standard public schema", "description": "", "version": version},
        "host": "0.0.0.0:3000",
        "basePath": "/",
        "schemes": ["http"],
        "consumes": ["application/json", "text/csv"],
        "produces": [
            "application/json",
            "application/vnd.pgrst.object+json",
            "text/csv",
        ],
        "paths": {f"/{table.name}": _path(table) for table in tables},
        "definitions": {table.name: _definition(table) for table in tables},
    }


def _path(table: Table) -> dict[str, Any]:
    answers = {"get": "200", "post": "201", "patch": "204", "delete": "204"}
    return {
        method: {"tags": [table.name], "responses": {status: {"description": "OK"}}}
        for method, status in answers.items()
    }


def _definition(table: Table) -> dict[str, Any]:
    required = [column.name for column in table.columns if not column.nullable]
    properties = {column.name: _property(column) for column in table.columns}
    return {"required": required, "properties": properties, "type": "object"}


def _property(column: Column) -> dict[str, Any]:
    label = types.label(column.type)
    if column.type.startswith("_"):
        return {"format": label, "type": "array", "items": {"type": _form(column.type[1:])}}
    if column.type in ("json", "jsonb"):
        return {"format": label}
    return {"format": label, "type": _form(column.type)}


def _form(type_name: str) -> str:
    if type_name in _INTEGERS:
        return "integer"
    return _FORMS.get(types.category(type_name), "string")
