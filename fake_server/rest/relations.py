"""How tables hang together, by their foreign keys: what can be embedded in what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from fake_server.database import Column, Reference, Table
from fake_server.rest.errors import Refused
from fake_server.rest.model import SelectEmbed

_CLOSE = 0.75


@dataclass(frozen=True, slots=True)
class Junction:
    """The table between two that belong to each other many to many."""

    table: Table
    own_column: str
    other_column: str


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key: its column, and the name of its constraint."""

    column: str
    constraint: str


@dataclass(frozen=True, slots=True)
class Relation:
    """One way from a table's rows to those of another."""

    table: Table
    foreign: Table
    own_column: str
    foreign_column: str
    key: Key
    cardinality: str
    junction: Junction | None = None

    @property
    def to_one(self) -> bool:
        return self.cardinality in ("many-to-one", "one-to-one")

    def is_meant(self, embed: SelectEmbed) -> bool:
        """Whether the name of the embedding, and its hint, are this relation's."""
        by_table = self.foreign.name == embed.target
        names = (self.key.constraint, self.key.column)
        by_key = embed.target in names and self.key.column == self.own_column and self.to_one
        if embed.hint is None:
            return by_table or by_key
        hints = names if self.junction is None else (self.junction.table.name,)
        return (by_table or by_key) and embed.hint in hints

    def description(self) -> dict[str, str]:
        """As the details of an ambiguous request list it."""
        own = f"{self.table.name}({self.own_column})"
        foreign = f"{self.foreign.name}({self.foreign_column})"
        way = f"{self.key.constraint} using {own} and {foreign}"
        if self.junction is not None:
            name, inner = self.junction.table.name, self.junction
            way = (
                f"{name} using {name}_{inner.own_column}_fkey({inner.own_column}) and "
                f"{name}_{inner.other_column}_fkey({inner.other_column})"
            )
        return {
            "cardinality": self.cardinality,
            "embedding": f"{self.table.name} with {self.foreign.name}",
            "relationship": way,
        }

    @property
    def hint(self) -> str:
        by = self.key.constraint if self.junction is None else self.junction.table.name
        return f"'{self.foreign.name}!{by}'"


def find(tables: Sequence[Table], table: Table, embed: SelectEmbed) -> Relation:
    """The relation that an embedding means. Raises `Refused`: PGRST200 where there is none,
    PGRST201 where there are several."""
    from_here = list(_relations(tables, table))
    found = [relation for relation in from_here if relation.is_meant(embed)]
    if len(found) > 1 and embed.hint is not None:
        found = _narrowed(found, embed)
    if not found:
        raise _none(tables, table, embed, from_here)
    if len(found) > 1:
        raise _several(table, embed, found)
    return found[0]


def _narrowed(found: list[Relation], embed: SelectEmbed) -> list[Relation]:
    """Of a table that refers to itself, a column leads to the many rows that have it."""
    many = [relation for relation in found if not relation.to_one]
    itself = all(relation.table is relation.foreign for relation in found)
    return many if itself and embed.target == found[0].table.name else found


def _keys(table: Table) -> Iterator[tuple[Column, Reference, Key]]:
    for column in table.columns:
        if column.references is not None:
            key = Key(column.name, f"{table.name}_{column.name}_fkey")
            yield column, column.references, key


def _relations(tables: Sequence[Table], table: Table) -> Iterator[Relation]:
    by_name = {each.key: each for each in tables}
    for column, target, key in _keys(table):
        foreign = by_name.get((target.schema, target.table))
        if foreign is not None:
            kind = "one-to-one" if _is_unique(table, column) else "many-to-one"
            yield Relation(table, foreign, column.name, target.column, key, kind)
    for other in tables:
        yield from _reverse(table, other)
    for junction in tables:
        yield from _through(by_name, table, junction)


def _reverse(table: Table, other: Table) -> Iterator[Relation]:
    for column, target, key in _keys(other):
        if (target.schema, target.table) == table.key:
            kind = "one-to-one" if _is_unique(other, column) else "one-to-many"
            yield Relation(table, other, target.column, column.name, key, kind)


def _through(
    by_name: dict[tuple[str, str], Table], table: Table, junction: Table
) -> Iterator[Relation]:
    """By way of a table whose primary key holds the keys of both."""
    keys = [found for found in _keys(junction) if found[0].name in junction.primary_key]
    for own, here, key in keys:
        for other, there, _ in keys:
            foreign = by_name.get((there.schema, there.table))
            if own is other or (here.schema, here.table) != table.key or foreign is None:
                continue
            between = Junction(junction, own.name, other.name)
            columns = here.column, there.column
            yield Relation(table, foreign, *columns, key, "many-to-many", between)


def _is_unique(table: Table, column: Column) -> bool:
    return (column.name,) in table.unique_keys.values()


def _none(
    tables: Sequence[Table], table: Table, embed: SelectEmbed, from_here: list[Relation]
) -> Refused:
    using = f" using the hint '{embed.hint}'" if embed.hint else ""
    return Refused(
        400,
        "PGRST200",
        f"Could not find a relationship between '{table.name}' and '{embed.target}' in the "
        "schema cache",
        f"Searched for a foreign key relationship between '{table.name}' and '{embed.target}'"
        f"{using} in the schema '{table.schema}', but no matches were found.",
        _close(embed.target, [relation.foreign.name for relation in from_here]),
    )


def _close(name: str, names: list[str]) -> str | None:
    found = [] if name in names else get_close_matches(name, names, 1, _CLOSE)
    return f"Perhaps you meant '{found[0]}' instead of '{name}'." if found else None


def _several(table: Table, embed: SelectEmbed, found: list[Relation]) -> Refused:
    hints = ", ".join(relation.hint for relation in found)
    return Refused(
        300,
        "PGRST201",
        "Could not embed because more than one relationship was found for "
        f"'{table.name}' and '{embed.target}'",
        [relation.description() for relation in found],
        f"Try changing '{embed.target}' to one of the following: {hints}. Find the desired "
        "relationship in the 'details' key.",
    )


def unknown_table(tables: Sequence[Table], schema: str, name: str) -> Refused:
    """The answer to a table that is not there."""
    names = [table.name for table in tables if table.schema == schema]
    close = get_close_matches(name, names, 1, _CLOSE)
    return Refused(
        404,
        "PGRST205",
        f"Could not find the table '{schema}.{name}' in the schema cache",
        None,
        f"Perhaps you meant the table '{schema}.{close[0]}'" if close else None,
    )
