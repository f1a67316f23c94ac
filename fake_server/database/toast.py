"""TOAST: which values a table keeps apart from its rows, so that the log does not repeat them."""

from __future__ import annotations

from fake_server.database.catalog import Row, Table


def unchanged(table: Table, new: Row, old: Row) -> frozenset[str]:
    """The columns of an updated row that are kept apart and were not written anew."""
    return frozenset()
