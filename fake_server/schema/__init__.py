"""The schema file: a project's tenant, users, tables, policies and rows, read from TOML.

`docs/schema.md` describes it. Whatever is wrong with a file is a `SchemaError` that names the line,
the key and the rule.
"""

from fake_server.schema.file import default_schema, load, loads
from fake_server.schema.node import SchemaError
from fake_server.schema.tenants import server_configs

__all__ = ["SchemaError", "default_schema", "load", "loads", "server_configs"]
