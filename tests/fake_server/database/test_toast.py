"""Which values an update does not repeat in the log, as PostgreSQL 15 and wal2json 2.5 left out."""

from __future__ import annotations

from hashlib import md5

import pytest

from fake_server.database.catalog import Column, Table
from fake_server.database.toast import unchanged

COLUMNS = {"id": "int4", "a": "text", "b": "text", "n": "int4"}
TABLE = Table("public", "t", tuple(Column(name, kind) for name, kind in COLUMNS.items()))
LOREM = "lorem ipsum dolor sit amet " * 100


def noise(length: int, seed: str) -> str:
    """`left(string_agg(md5(seed || i::text), ''), length)` over 1, 2, 3, …"""
    parts = (md5(f"{seed}{i}".encode()).hexdigest() for i in range(1, length // 32 + 2))
    return "".join(parts)[:length]


@pytest.mark.parametrize(
    ("a", "b", "left_out"),
    [
        (noise(1900, "x"), "s", ""),
        (noise(2000, "x"), "s", "a"),
        (noise(3000, "x"), "s", "a"),
        ("x" * 3000, "s", ""),
        ("x" * 100_000, "s", ""),
        ("x" * 300_000, "s", "a"),
        (noise(1500, "x"), noise(1000, "y"), "a"),
        (LOREM, noise(1000, "y"), ""),
        (LOREM, noise(1990, "y"), "b"),
        (noise(1015, "x"), noise(1015, "y"), "a"),
        (noise(500, "x") + "abc" * 2000, "s", ""),
        (noise(1400, "x") + "abc" * 20_000, "s", "a"),
        (noise(800, "x") + "abc" * 20_000, "s", ""),
        (noise(1100, "x") + "abc" * 2000, "s", ""),
    ],
)
def test_a_large_value_that_did_not_change_is_left_out(a: str, b: str, left_out: str) -> None:
    old = {"id": 1, "a": a, "b": b, "n": 1}
    assert "".join(sorted(unchanged(TABLE, {**old, "n": 2}, old))) == left_out


def test_a_value_that_was_written_anew_is_not_left_out() -> None:
    old = {"id": 1, "a": noise(3000, "x"), "b": None, "n": 1}
    assert unchanged(TABLE, {**old, "a": noise(3000, "x")}, old) == frozenset()
