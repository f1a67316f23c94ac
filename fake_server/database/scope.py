"""What an expression can see: rows by the names of their relations, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from fake_server.database.catalog import Caller
from fake_server.database.errors import undefined_column
from fake_server.database.typed import Typed, json_value


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can see: relations by alias, who asks, and how to run a subquery."""

    caller: Caller
    now_s: float
    call: Callable[[str, list[Typed], dict[str, Typed], Scope], Typed]
    """Calls a function: name, arguments, named arguments."""
    query: Callable[[exp.Expr, Scope], list[dict[str, Typed]]]
    """Runs a subquery within this scope."""
    relations: Mapping[str, Mapping[str, Typed]] = field(default_factory=dict)
    outer: Scope | None = None

    def within(self, relations: Mapping[str, Mapping[str, Typed]]) -> Scope:
        """The scope of an inner query, or of one row."""
        return Scope(self.caller, self.now_s, self.call, self.query, relations, self)

    def find(self, name: str, alias: str | None) -> Typed:
        """The column of this name, of the innermost relation that has it; a whole row as `jsonb`
        where a relation is named. Raises `DatabaseError` 42703."""
        level: Scope | None = self
        while level is not None:
            for relation, columns in level.relations.items():
                if alias in (None, relation) and name in columns:
                    return columns[name]
            if alias is None and name in level.relations:
                return _record(level.relations[name])
            level = level.outer
        raise undefined_column(f"{alias}.{name}" if alias else name)


def _record(columns: Mapping[str, Typed]) -> Typed:
    """A whole row as one value: what `new` and `old` are in a trigger."""
    if not columns:
        return Typed("jsonb", None)
    return Typed("jsonb", {name: json_value(typed) for name, typed in columns.items()})
