"""Row policies, as a table of the file has them."""

from __future__ import annotations

from fake_server.database import Policy
from fake_server.database.catalog import COMMANDS
from fake_server.database.sql import parse_expression
from fake_server.schema.node import Node

_COMMANDS = ("all", *COMMANDS)


def read_policies(node: Node) -> tuple[Policy, ...]:
    """The policies of a table. Raises `SchemaError`."""
    return tuple(_policy(item) for item in node.list("policies"))


def _policy(node: Node) -> Policy:
    node.allow("name", "for", "to", "using", "check")
    for clause in ("using", "check"):
        if clause in node.values:
            with node.checking(clause):
                parse_expression(node.get(clause, str))
    command = node.one_of("for", _COMMANDS, "all")
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
