"""The database of one project: the store, and SQL to speak to it."""

from __future__ import annotations

from fake_server.database.catalog import OWNER, Caller, Row
from fake_server.database.realtime_functions import call
from fake_server.database.scope import Scope
from fake_server.database.sql import parse_statements
from fake_server.database.statements import Session
from fake_server.database.store import Store


class Database(Store):
    """A `Store` that also understands SQL."""

    def scope(self, caller: Caller, now_s: float) -> Scope:
        session = Session(self, caller, now_s)
        return Scope(caller, now_s, lambda *given: call(self, *given), session.query)

    def execute(self, sql: str, now_s: float, caller: Caller = OWNER) -> list[Row]:
        """Run a script, as one transaction unless it says otherwise; returns the last result.

        Raises `DatabaseError`.
        """
        session = Session(self, caller, now_s)
        with self.transaction(now_s):
            result: list[Row] = []
            for statement in parse_statements(sql):
                result = session.run(statement)
            return result
