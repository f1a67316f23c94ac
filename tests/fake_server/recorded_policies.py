"""The row policies on messages of the tenant that was recorded, as `schema.sql` there ends."""

from __future__ import annotations

from fake_server.authorization import MessagePolicy

RECORDED_POLICIES = (
    MessagePolicy(name="r_priv", command="select", role="authenticated", topic="priv-%"),
    MessagePolicy(name="w_priv", command="insert", role="authenticated", topic="priv-%"),
    MessagePolicy(name="r_ro", command="select", role="authenticated", topic="ro-%"),
    MessagePolicy(
        name="r_b",
        command="select",
        role="authenticated",
        topic="bonly-%",
        extension="broadcast",
    ),
    MessagePolicy(
        name="w_b",
        command="insert",
        role="authenticated",
        topic="bonly-%",
        extension="broadcast",
    ),
)
