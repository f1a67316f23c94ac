"""The row policies on messages of the tenant that was recorded, as `schema.sql` there ends."""

from __future__ import annotations

from typing import Literal

from fake_server.database import Policy, Schema


def policy(
    command: Literal["select", "insert"],
    role: str | None,
    topic: str = "%",
    extension: str | None = None,
) -> Policy:
    """`create policy … for COMMAND to ROLE using (realtime.topic() like TOPIC and …)`; without
    role or extension for all of them."""
    condition = f"realtime.topic() like '{topic}'"
    if extension is not None:
        condition += f" and extension = '{extension}'"
    roles = () if role is None else (role,)
    name = f"{command} {role} {topic} {extension}"
    if command == "select":
        return Policy(name, command, roles, using=condition)
    return Policy(name, command, roles, check=condition)


def schema_of(*policies: Policy) -> Schema:
    """A project without tables that has these policies on its messages."""
    return Schema(message_policies=policies)


RECORDED_POLICIES = (
    policy("select", "authenticated", "priv-%"),
    policy("insert", "authenticated", "priv-%"),
    policy("select", "authenticated", "ro-%"),
    policy("select", "authenticated", "bonly-%", "broadcast"),
    policy("insert", "authenticated", "bonly-%", "broadcast"),
)
RECORDED_SCHEMA = schema_of(*RECORDED_POLICIES)
