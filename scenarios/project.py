"""The project that the server of the storms plays: one table, of numbered rows."""

from fake_server.schema import loads

PROJECT = loads(
    """
    [tables.numbers]
    published = true

    [tables.numbers.columns]
    id = "bigint primary key"
    """
)
"""What `harness.workloads.Changes` inserts into; everybody may read it."""
