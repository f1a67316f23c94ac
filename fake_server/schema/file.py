"""The whole of a schema file: its project, its tenants and their claims."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from fake_server.database import Schema
from fake_server.schema.node import Node, SchemaError
from fake_server.schema.project import PROJECT, as_json, read_project
from fake_server.schema.tenants import read_tenants


def load(path: str | Path) -> Schema:
    """Read a schema file. Raises `SchemaError`, and `OSError` for a file that cannot be read."""
    return loads(Path(path).read_bytes().decode("utf-8", "replace"), str(path))


@cache
def default_schema() -> Schema:
    """The project that ships with the server: generating courses, job by job."""
    text = files("fake_server.schema").joinpath("default.toml").read_text("utf-8")
    return loads(text, "the default schema")


def loads(text: str, source: str = "schema") -> Schema:
    """Read the text of a schema file. Raises `SchemaError`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None) or _line_in(str(error))
        raise SchemaError(source, line, "TOML", str(error)) from None
    node = Node(document, (), text, source)
    node.allow("tenants", "jwt_claim_validators", *PROJECT)
    claims = {
        name: as_json(value) for name, value in node.table("jwt_claim_validators").values.items()
    }
    return replace(read_project(node), tenants=read_tenants(node), jwt_claim_validators=claims)


def _line_in(message: str) -> int:
    words = message.replace(",", " ").replace(")", " ").split()
    return int(words[words.index("line") + 1]) if "line" in words else 1
