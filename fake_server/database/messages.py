"""`realtime.messages`: the table behind database sends, replay, and private channels."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from fake_server.database.catalog import Column, Policy, Row, StoredMessage, Table

MESSAGES = ("realtime", "messages")
RETENTION_S = 72 * 3600.0
"""How long messages are kept (`protocol.md §4.7`)."""


def messages_table(policies: tuple[Policy, ...]) -> Table:
    """The table as Realtime's migrations create it, with a project's own policies."""
    return Table(
        schema=MESSAGES[0],
        name=MESSAGES[1],
        columns=(
            Column("topic", "text", nullable=False),
            Column("extension", "text", nullable=False),
            Column("payload", "jsonb"),
            Column("event", "text"),
            Column("private", "bool", default="false"),
            Column("updated_at", "timestamp", nullable=False, default="now()"),
            Column("inserted_at", "timestamp", nullable=False, default="now()"),
            Column("id", "uuid", nullable=False, default="gen_random_uuid()"),
            Column("binary_payload", "bytea"),
        ),
        primary_key=("id",),
        rls=True,
        policies=policies,
    )


def stored_message(row: Row) -> StoredMessage:
    """A row of the table as the thing that channels carry."""
    binary = row["binary_payload"]
    return StoredMessage(
        id=row["id"],
        topic=row["topic"],
        event=row["event"],
        private=bool(row["private"]),
        inserted_at_s=inserted_at_s(row),
        payload=row["payload"],
        binary=None if binary is None else bytes.fromhex(binary.removeprefix("\\x")),
    )


def inserted_at_s(row: Row) -> float:
    """When a row was inserted, in seconds since the epoch."""
    return datetime.fromisoformat(row["inserted_at"]).replace(tzinfo=UTC).timestamp()


def newest(
    rows: Iterable[Row], topic: str, since_s: float, limit: int, now_s: float | None = None
) -> list[StoredMessage]:
    """What a replay brings (`protocol.md §4.7`): the last private broadcasts, oldest first."""
    until_s = float("inf") if now_s is None else now_s + 60
    fitting = [
        stored_message(row)
        for row in rows
        if row["topic"] == topic
        and row["private"]
        and row["extension"] == "broadcast"
        and since_s <= inserted_at_s(row) < until_s
    ]
    fitting.sort(key=lambda message: message.inserted_at_s)
    return fitting[-limit:] if limit > 0 else []
