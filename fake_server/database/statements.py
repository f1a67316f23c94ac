"""SQL statements against the store: reading, writing, transactions, and triggers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from fake_server.database import definitions, results
from fake_server.database.catalog import Caller, OnConflict, Predicate, Row, Table
from fake_server.database.errors import DatabaseError, undefined_column, unsupported
from fake_server.database.expressions import evaluate, is_true
from fake_server.database.scope import Scope
from fake_server.database.sql import name_of, table_key
from fake_server.database.store import Store
from fake_server.database.typed import Typed, assign, typed_row

Relation = list[dict[str, Typed]]


class Session:
    """One caller's statements at one moment."""

    def __init__(self, database: Store, caller: Caller, now_s: float) -> None:
        self._database = database
        self._caller = caller
        self._now_s = now_s

    @property
    def _scope(self) -> Scope:
        return self._database.scope(self._caller, self._now_s)

    def run(self, statement: exp.Expr) -> list[Row]:
        """Run one statement; returns its result rows. Raises `DatabaseError`."""
        run = _STATEMENTS.get(type(statement))
        if run is None:
            raise unsupported(statement.sql(dialect="postgres")[:200])
        return run(self, statement)

    # Reading.

    def select(self, statement: exp.Select) -> list[Row]:
        return [
            {name: typed.value for name, typed in row.items()}
            for row in self.query(statement, self._scope)
        ]

    def query(self, statement: exp.Expr, scope: Scope) -> Relation:
        """The rows of a SELECT over at most one relation, within an outer scope."""
        if not isinstance(statement, exp.Select):
            raise unsupported(statement.sql(dialect="postgres")[:200])
        results.refuse_clauses(statement)
        scopes = [
            inner
            for inner in self._sources(statement, scope)
            if _holds(statement.args.get("where"), inner)
        ]
        if results.counts(statement):
            return [{"count": Typed("int8", len(scopes))}]
        shown = [
            (inner, row)
            for inner in scopes
            for row in results.project(statement.expressions, inner)
        ]
        order = statement.args.get("order")
        for ordered in reversed(order.expressions if order else []):
            results.sort(shown, ordered)
        first, limit = (statement.args.get(name) for name in ("offset", "limit"))
        rows = [row for _, row in shown][int(first.expression.this) if first else 0 :]
        return rows[: int(limit.expression.this)] if limit else rows

    def _sources(self, statement: exp.Select, scope: Scope) -> Iterator[Scope]:
        source = statement.args.get("from_")
        if source is None:
            yield scope.within({})
        elif isinstance(source.this.this, exp.Anonymous):
            alias = source.this.alias or str(source.this.this.this).lower()
            for value in results.series(source.this.this, scope):
                yield scope.within({alias: {alias: value}})
        else:
            table = self._database.find_table(table_key(source.this))
            alias = source.this.alias or table.name
            results.require_columns(statement, scope.within({alias: results.nulls(table)}))
            for row in self._database.select(table, scope.caller):
                yield scope.within({alias: typed_row(table, row)})

    # Writing.

    def insert(self, statement: exp.Insert) -> list[Row]:
        target = statement.this
        table = self._database.find_table(table_key(target))
        given = target.expressions if isinstance(target, exp.Schema) else []
        names = [name_of(item) for item in given] or [column.name for column in table.columns]
        rows = [_assigned(table, names, values, bool(given)) for values in self._values(statement)]
        inserted = self._database.insert_stored(
            table,
            rows,
            self._caller,
            self._now_s,
            self._on_conflict(table, statement.args.get("conflict")),
            returning=bool(statement.args.get("returning")),
        )
        return self._returning(statement, table, inserted)

    def _values(self, statement: exp.Insert) -> list[list[Typed | None]]:
        source = statement.expression
        if statement.args.get("default"):
            return [[]]
        if isinstance(source, exp.Values):
            return [
                [_value_or_default(item, self._scope) for item in _items(row)]
                for row in source.expressions
            ]
        if isinstance(source, exp.Select):
            return [list(row.values()) for row in self.query(source, self._scope)]
        raise unsupported(statement.sql(dialect="postgres")[:200])

    def _on_conflict(self, table: Table, conflict: exp.OnConflict | None) -> OnConflict | None:
        if conflict is None:
            return None
        columns = tuple(name_of(item.this) for item in conflict.args.get("conflict_keys") or ())
        if conflict.args.get("constraint"):
            columns = _constraint(table, name_of(conflict.args["constraint"]))
        if not conflict.expressions:
            return OnConflict(columns)

        def changes(existing: Row, new: Row) -> Row:
            scope = self._scope.within(
                {table.name: typed_row(table, existing), "excluded": typed_row(table, new)}
            )
            return _changes(table, conflict.expressions, scope)

        return OnConflict(columns, changes)

    def update(self, statement: exp.Update) -> list[Row]:
        table = self._database.find_table(table_key(statement.this))
        updated = self._database.update_stored(
            table,
            lambda row: _changes(
                table, statement.expressions, self._row_scope(table, statement.this, row)
            ),
            self._where(table, statement),
            self._caller,
            self._now_s,
        )
        return self._returning(statement, table, updated)

    def delete(self, statement: exp.Delete) -> list[Row]:
        table = self._database.find_table(table_key(statement.this))
        where = self._where(table, statement)
        deleted = self._database.delete(table, where, self._caller, self._now_s)
        return self._returning(statement, table, deleted)

    def truncate(self, statement: exp.TruncateTable) -> list[Row]:
        restart = statement.args.get("identity") == "RESTART"
        for item in statement.expressions:
            table = self._database.find_table(table_key(item))
            self._database.truncate(table, self._now_s, restart)
        return []

    def _row_scope(self, table: Table, target: exp.Expr, row: Row) -> Scope:
        return self._scope.within({target.alias or table.name: typed_row(table, row)})

    def _where(self, table: Table, statement: exp.Update | exp.Delete) -> Predicate | None:
        where = statement.args.get("where")
        alias = statement.this.alias or table.name
        results.require_columns(statement, self._scope.within({alias: results.nulls(table)}))
        if where is None:
            return None
        return lambda row: is_true(where.this, self._row_scope(table, statement.this, row))

    def _returning(self, statement: exp.Expr, table: Table, rows: list[Row]) -> list[Row]:
        returning = statement.args.get("returning")
        if returning is None:
            return []
        scopes = [self._scope.within({table.name: typed_row(table, row)}) for row in rows]
        return [
            {name: typed.value for name, typed in projected.items()}
            for scope in scopes
            for projected in results.project(returning.expressions, scope)
        ]

    # The rest.

    def commit(self, _: exp.Expr) -> list[Row]:
        self._database.commit(self._now_s)
        return []

    def roll_back(self, _: exp.Expr) -> list[Row]:
        self._database.roll_back()
        return []

    def create(self, statement: exp.Create) -> list[Row]:
        if statement.args.get("kind") != "TRIGGER":
            raise unsupported(statement.sql(dialect="postgres")[:200])
        properties = statement.args["properties"].expressions[0]
        self._database.find_table(table_key(properties.args["table"]))
        self._database.triggers.create(statement)
        return []

    def drop(self, statement: exp.Drop) -> list[Row]:
        if_exists = bool(statement.args.get("exists"))
        for item in statement.args["tables"]:
            if statement.args.get("kind") == "TRIGGER":
                table = table_key(statement.args["cluster"].this)
                self._database.triggers.drop(name_of(item.this), table, if_exists)
            elif statement.args.get("kind") == "FUNCTION":
                self._database.triggers.drop_function(table_key(item), if_exists)
            else:
                raise unsupported(statement.sql(dialect="postgres")[:200])
        return []

    def command(self, statement: exp.Command) -> list[Row]:
        """What the parser leaves as text: definitions of tables, and trigger functions."""
        text = f"{statement.this} {statement.expression}"
        if definitions.define(self._database, text):
            return []
        if str(statement.this).lower() != "create":
            raise unsupported(text[:200])
        self._database.triggers.create_function(text)
        return []

    def grant(self, statement: exp.Grant | exp.Revoke) -> list[Row]:
        definitions.grant(self._database, statement)
        return []


def _holds(where: exp.Where | None, scope: Scope) -> bool:
    return where is None or is_true(where.this, scope)


def _items(row: exp.Expr) -> list[exp.Expr]:
    return row.expressions if isinstance(row, exp.Tuple) else [row.unnest()]


def _value_or_default(item: exp.Expr, scope: Scope) -> Typed | None:
    """None stands for DEFAULT."""
    if isinstance(item, exp.Var) and str(item.this).upper() == "DEFAULT":
        return None
    return evaluate(item, scope)


def _assigned(table: Table, names: list[str], values: list[Typed | None], named: bool) -> Row:
    if len(values) > len(names):
        raise DatabaseError("42601", "INSERT has more expressions than target columns")
    if values and named and len(values) < len(names):
        raise DatabaseError("42601", "INSERT has more target columns than expressions")
    pairs = zip(names, values, strict=False)
    return {name: _stored(table, name, value) for name, value in pairs if value is not None}


def _stored(table: Table, name: str, value: Typed) -> Any:
    column = table.column(name)
    if column is None:
        raise undefined_column(name, table.name)
    return assign(value, name, column.type, column.modifier)


def _changes(table: Table, settings: list[exp.Expr], scope: Scope) -> Row:
    """The columns that `SET …` changes, as stored values."""
    return {
        name_of(setting.this): _stored(
            table, name_of(setting.this), evaluate(setting.expression, scope)
        )
        for setting in settings
    }


def _constraint(table: Table, name: str) -> tuple[str, ...]:
    if name not in table.unique_keys:
        raise DatabaseError("42704", f'constraint "{name}" for table "{table.name}" does not exist')
    return table.unique_keys[name]


_STATEMENTS: dict[type[exp.Expr], Callable[[Session, Any], list[Row]]] = {
    exp.Select: Session.select,
    exp.Insert: Session.insert,
    exp.Update: Session.update,
    exp.Delete: Session.delete,
    exp.TruncateTable: Session.truncate,
    exp.Transaction: lambda _session, _statement: [],
    exp.Commit: Session.commit,
    exp.Rollback: Session.roll_back,
    exp.Create: Session.create,
    exp.Drop: Session.drop,
    exp.Command: Session.command,
    exp.Grant: Session.grant,
    exp.Revoke: Session.grant,
}
