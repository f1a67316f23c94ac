"""A request to a table as plain values: what is selected, which rows, in which order, how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Step = str | int
"""A key of an object or an index of an array."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or what lies in one: `data->address->>city`."""

    name: str
    path: tuple[Step, ...] = ()
    as_text: bool = False
    """Whether the last arrow was `->>`."""


@dataclass(frozen=True, slots=True)
class SelectField:
    """One output column; the name `*` is all of them."""

    field: Field
    cast: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class SelectEmbed:
    """Rows of another table, by foreign key."""

    target: str
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False
    """`...target(…)`: its columns stand among those of the row itself."""
    items: tuple[SelectItem, ...] = ()

    @property
    def name(self) -> str:
        return self.alias or self.target


SelectItem = SelectField | SelectEmbed


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator.value` of one field; `values` of `in` are its list."""

    field: Field
    operator: str
    value: str = ""
    values: tuple[str, ...] = ()
    negated: bool = False
    quantifier: Literal["any", "all"] | None = None
    language: str | None = None
    """The configuration of a full text search."""


@dataclass(frozen=True, slots=True)
class Logic:
    """`and(…)` and `or(…)`."""

    any_of: bool
    parts: tuple[Tree, ...]
    negated: bool = False


Tree = Condition | Logic


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order, perhaps by a column of an embedded row."""

    field: Field
    descending: bool = False
    nulls_first: bool | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What the query says of one level: the table itself, or what is embedded at a path."""

    trees: tuple[Tree, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """All that stands behind the `?`."""

    select: tuple[SelectItem, ...]
    parts: dict[Path, Part]
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None

    def part(self, path: Path = ()) -> Part:
        return self.parts.get(path, Part())
