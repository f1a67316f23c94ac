"""Reading rows: which ones, in which order, with what is embedded in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fake_server.database import Caller, Database, DatabaseError, Row, Table, order_key
from fake_server.database.typed import Typed
from fake_server.rest.errors import Refused, not_embedded
from fake_server.rest.model import (
    Condition,
    Field,
    Order,
    Part,
    Path,
    Query,
    SelectEmbed,
    SelectField,
    SelectItem,
)
from fake_server.rest.predicates import Test, all_of, holds, tree_test
from fake_server.rest.ranges import ROWS_MAX
from fake_server.rest.relations import Relation, find
from fake_server.rest.values import (
    FRAGMENT,
    Getter,
    array_of,
    casted,
    getter,
    json_of,
    object_of,
)

_EMBEDDED_ROWS_MAX = 100_000
"""More in one answer takes longer than a statement may."""

Output = dict[str, Typed]
SortKey = tuple[Callable[[Row], Typed], Order]


@dataclass(eq=False, slots=True)
class Embedded:
    """What is embedded at one place of each row."""

    item: SelectEmbed
    relation: Relation
    level: Level
    find: Callable[[Row], list[Row]]


@dataclass(eq=False, slots=True)
class Level:
    """One table of an answer, compiled: what is tested, sorted and put out."""

    table: Table
    items: tuple[SelectItem, ...]
    columns: dict[int, tuple[str, Getter]] = field(default_factory=dict)
    """By the place in `items`: the output's name and value."""
    embedded: dict[int, Embedded] = field(default_factory=dict)
    tests: list[Test] = field(default_factory=list)
    inner: list[Test] = field(default_factory=list)
    """What `!inner` asks of a row."""
    order: list[SortKey] = field(default_factory=list)
    count_as: tuple[str, ...] = ()
    """The rows are counted, and shown as one with these names: `tasks(count)`."""

    def chosen(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that fit, sorted."""
        test = all_of([*self.tests, *self.inner])
        return self.sorted([row for row in rows if holds(test, row)])

    def sorted(self, rows: list[Row]) -> list[Row]:
        for get, order in reversed(self.order):
            rows = _sorted(rows, get, order)
        return rows


class Reading:
    """One caller's reading of what one query asks for."""

    def __init__(self, database: Database, caller: Caller, query: Query) -> None:
        self._database = database
        self._caller = caller
        self._query = query
        self._embedded_rows = 0

    def level(
        self, table: Table, items: tuple[SelectItem, ...] | None = None, path: Path = ()
    ) -> Level:
        """What the query says of a table. Raises `Refused` and `DatabaseError` for what is not
        there."""
        level = Level(table, self._query.select if items is None else items)
        level.count_as = _counts(table, level.items)
        for place, item in enumerate(level.items):
            if isinstance(item, SelectEmbed):
                level.embedded[place] = self._embed(level, item, path)
            elif item.field.name != "*" and not level.count_as:
                level.columns[place] = _output(table, item)
        part = self._query.part(path)
        self._check_paths(level, path)
        level.tests = [
            tree_test(table, tree, lambda found: _embedded_test(level, found))
            for tree in part.trees
        ]
        level.order = [(_order_getter(level, order), order) for order in part.order]
        return level

    def read(self, level: Level) -> list[Row]:
        """The rows that the caller sees and the query chooses, in order."""
        return level.chosen(self._database.select(level.table, self._caller))

    def outputs(self, level: Level, rows: Iterable[Row]) -> list[Output]:
        """What is shown of these rows."""
        if level.count_as:
            rows = list(rows)
            return [dict.fromkeys(level.count_as, Typed("int8", len(rows)))]
        return [self._output(level, row) for row in rows]

    def _output(self, level: Level, row: Row) -> Output:
        shown: Output = {}
        for place, item in enumerate(level.items):
            if place in level.columns:
                name, get = level.columns[place]
                shown[name] = get(row)
            elif isinstance(item, SelectEmbed):
                self._show(level.embedded[place], row, shown)
            else:
                shown |= {
                    each.name: Typed(each.type, row[each.name]) for each in level.table.columns
                }
        return shown

    # Embedding.

    def _embed(self, level: Level, item: SelectEmbed, path: Path) -> Embedded:
        relation = find(self._database.tables, level.table, item)
        inner_path = (*path, item.name)
        inner = self.level(relation.foreign, item.items, inner_path)
        embedded = Embedded(item, relation, inner, self._finder(relation, inner, inner_path))
        if item.inner:
            level.inner.append(lambda row: bool(embedded.find(row)))
        return embedded

    def _finder(self, relation: Relation, inner: Level, path: Path) -> Callable[[Row], list[Row]]:
        """How the embedded rows of a row are found: by an index that is made at the first use."""
        part = self._query.part(path)
        own_kind = _type(relation.table, relation.own_column)
        make = cache(lambda: self._index(relation, inner))

        def found(row: Row) -> list[Row]:
            value = row[relation.own_column]
            key = None if value is None else order_key(own_kind, value)
            rows = make().get(key, [])
            return rows if inner.count_as else _window(rows, part)

        return found

    def _index(self, relation: Relation, inner: Level) -> dict[object, list[Row]]:
        """The key of a row → what belongs to it, in order."""
        by_key = _grouped(inner.table, self.read(inner), relation.foreign_column)
        between = relation.junction
        if between is None:
            return by_key
        kind = _type(between.table, between.other_column)
        links = self._database.select(between.table, self._caller)
        return {
            key: inner.sorted(
                [
                    row
                    for link in rows
                    for row in by_key.get(order_key(kind, link[between.other_column]), ())
                ]
            )
            for key, rows in _grouped(between.table, links, between.own_column).items()
        }

    def _show(self, embedded: Embedded, row: Row, shown: Output) -> None:
        item, relation = embedded.item, embedded.relation
        if not item.items:
            return
        found = embedded.find(row)
        self._embedded_rows += 1 if embedded.level.count_as else len(found)
        if self._embedded_rows > _EMBEDDED_ROWS_MAX:
            raise DatabaseError("57014", "canceling statement due to statement timeout")
        inner = self.outputs(embedded.level, found)
        if item.spread:
            shown |= _spread(embedded.level, inner, relation.to_one)
        elif relation.to_one:
            shown[item.name] = Typed(FRAGMENT, object_of(inner[0]) if inner else None)
        else:
            shown[item.name] = Typed(FRAGMENT, array_of(map(object_of, inner)))

    def _check_paths(self, level: Level, path: Path) -> None:
        """Raises `Refused` PGRST108 for what the query says of a table that is not embedded."""
        names = [each.item.name for each in level.embedded.values()]
        for other in self._query.parts:
            deeper = len(other) > len(path) and other[: len(path)] == path
            if deeper and other[len(path)] not in names:
                raise not_embedded(other[len(path)])


def _grouped(table: Table, rows: list[Row], column: str) -> dict[object, list[Row]]:
    """The rows by the key in a column; those without one are left out."""
    kind = _type(table, column)
    groups: dict[object, list[Row]] = {}
    for row in rows:
        if row[column] is not None:
            groups.setdefault(order_key(kind, row[column]), []).append(row)
    return groups


def _counts(table: Table, items: tuple[SelectItem, ...]) -> tuple[str, ...]:
    """The names of `count`, which counts the rows where it is no column: Postgres reads
    `tasks.count` as `count(tasks)`. Raises `DatabaseError` 42803 beside what is not counted."""
    if table.column("count") is not None:
        return ()
    fields = [item for item in items if isinstance(item, SelectField)]
    counted = [item for item in fields if item.field == Field("count") and item.cast is None]
    if not counted:
        return ()
    for item in items:
        if item not in counted:
            name = item.field.name if isinstance(item, SelectField) else item.target
            message = f'column "{table.name}.{name}" must appear in the GROUP BY clause or be used '
            raise DatabaseError("42803", message + "in an aggregate function")
    return tuple(item.alias or "count" for item in counted)


def _output(table: Table, item: SelectField) -> tuple[str, Getter]:
    _, get = getter(table, item.field)
    if item.cast is not None:
        get = casted(get, item.cast)
    return item.alias or _name(item.field), get


def _name(of: Field) -> str:
    """The last key of a path, or the column."""
    keys = [step for step in of.path if isinstance(step, str)]
    return keys[-1] if keys else of.name


def output_names(level: Level) -> list[str]:
    """The names of the columns that are shown, in order."""
    if level.count_as:
        return list(level.count_as)
    names: dict[str, None] = {}
    for place, item in enumerate(level.items):
        if place in level.columns:
            names[level.columns[place][0]] = None
        elif place not in level.embedded:
            names |= dict.fromkeys(column.name for column in level.table.columns)
        elif isinstance(item, SelectEmbed) and item.spread:
            names |= dict.fromkeys(output_names(level.embedded[place].level))
        elif isinstance(item, SelectEmbed) and item.items:
            names[item.name] = None
    return list(names)


def _spread(level: Level, rows: list[Output], to_one: bool) -> Output:
    if to_one:
        nulls = dict.fromkeys(output_names(level), Typed("text", None))
        return rows[0] if rows else nulls
    return {
        name: Typed(FRAGMENT, "[" + ", ".join(json_of(row[name]) for row in rows) + "]")
        for name in output_names(level)
    }


def _embedded_test(level: Level, condition: Condition) -> Test | None:
    """What a condition says of an embedded table, if its field is one: it has rows or none."""
    for embedded in level.embedded.values():
        if embedded.item.name != condition.field.name or condition.field.path:
            continue
        if condition.operator != "is" or condition.value not in ("null", "not_null"):
            raise Refused(
                400,
                "PGRST120",
                f"Bad operator on the '{embedded.item.name}' embedded resource",
                "Only is null or not is null filters are allowed on embedded resources",
            )
        found, wanted = embedded.find, condition.value == "not_null"
        return lambda row: bool(found(row)) is wanted
    return None


def _order_getter(level: Level, order: Order) -> Callable[[Row], Typed]:
    if order.relation is None:
        return getter(level.table, order.field)[1]
    for embedded in level.embedded.values():
        if embedded.item.name == order.relation:
            return _related_getter(level, embedded, order)
    raise not_embedded(order.relation)


def _related_getter(level: Level, embedded: Embedded, order: Order) -> Callable[[Row], Typed]:
    if not embedded.relation.to_one:
        name = embedded.item.name
        raise Refused(
            400,
            "PGRST118",
            f"A related order on '{name}' is not possible",
            f"'{level.table.name}' and '{name}' do not form a many-to-one or one-to-one "
            "relationship",
        )
    kind, get = getter(embedded.level.table, order.field)

    def related(row: Row) -> Typed:
        found = embedded.find(row)
        return get(found[0]) if found else Typed(kind, None)

    return related


def _sorted(rows: list[Row], get: Callable[[Row], Typed], order: Order) -> list[Row]:
    """By one term: nulls stand where they are wanted, by default as if they were the greatest."""
    nulls_first = order.descending if order.nulls_first is None else order.nulls_first
    nulls: list[Row] = []
    keyed: list[tuple[Any, Row]] = []
    for row in rows:
        value = get(row)
        if value.value is None:
            nulls.append(row)
        else:
            keyed.append((order_key(value.type, value.value), row))
    keyed.sort(key=lambda pair: pair[0], reverse=order.descending)
    found = [row for _, row in keyed]
    return [*nulls, *found] if nulls_first else [*found, *nulls]


def _window(rows: list[Row], part: Part) -> list[Row]:
    limit = ROWS_MAX if part.limit is None else min(part.limit, ROWS_MAX)
    return rows[max(0, part.offset) : max(0, part.offset) + limit]


def _type(table: Table, column: str) -> str:
    found = table.column(column)
    assert found is not None
    return found.type
