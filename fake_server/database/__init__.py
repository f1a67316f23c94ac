"""The database behind the fake server: tables, types, row policies, SQL, and its log of changes."""

from fake_server.database.catalog import (
    Caller,
    Change,
    Column,
    OnConflict,
    Policy,
    Predicate,
    Reference,
    Row,
    Schema,
    StoredMessage,
    Table,
    Tenant,
    User,
)
from fake_server.database.engine import Database
from fake_server.database.errors import DatabaseError
from fake_server.database.json_values import json_text
from fake_server.database.ordering import order_key
from fake_server.database.types import cast, from_json, label

__all__ = [
    "Caller",
    "Change",
    "Column",
    "Database",
    "DatabaseError",
    "OnConflict",
    "Policy",
    "Predicate",
    "Reference",
    "Row",
    "Schema",
    "StoredMessage",
    "Table",
    "Tenant",
    "User",
    "cast",
    "from_json",
    "json_text",
    "label",
    "order_key",
]
