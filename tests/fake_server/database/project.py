"""The recorded tenant's database, and people to look at it."""

from __future__ import annotations

import random
from pathlib import Path

from fake_server.database import Caller, Database, Table
from fake_server.schema import load

NOW_S = 1_795_438_080.5
"""2026-11-23T12:48:00.5Z."""
ADA_ID = "11111111-1111-4111-8111-111111111111"
GRACE_ID = "22222222-2222-4222-8222-222222222222"
ADA = Caller("authenticated", {"sub": ADA_ID, "role": "authenticated"})
GRACE = Caller("authenticated", {"sub": GRACE_ID, "role": "authenticated"})
ANON = Caller("anon", {"role": "anon"})
SERVICE = Caller("service_role", {"role": "service_role"})

GOLDEN_SCHEMA = Path(__file__).parent.parent / "golden_schema.toml"


def recorded() -> Database:
    """An empty database with the tables of `tests/golden/supabase/schema.sql`."""
    return Database(load(GOLDEN_SCHEMA), random.Random(1), NOW_S)


def table(database: Database, name: str) -> Table:
    """A table of schema `public`."""
    return database.find_table(("public", name))
