"""Row triggers, as far as Realtime's own documentation uses them: they perform calls."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from fake_server.database.errors import DatabaseError, unsupported
from fake_server.database.sql import name_of, parse_expression, table_key

Key = tuple[str, str]

_FUNCTION = re.compile(
    r"create\s+(?:or\s+replace\s+)?function\s+(?:(?P<schema>\w+)\.)?(?P<name>\w+)\s*\(\s*\)\s*"
    r"returns\s+trigger\b.*?(?P<quote>\$\w*\$)(?P<body>.*)(?P=quote)",
    re.IGNORECASE | re.DOTALL,
)
_BODY = re.compile(r"\s*begin\s+(?P<steps>.*?)\s*end\s*;?\s*", re.IGNORECASE | re.DOTALL)
_PERFORM = re.compile(r"perform\s+(?P<call>.+)", re.IGNORECASE | re.DOTALL)
_RETURN = re.compile(r"return\s+(null|new|old|coalesce\(\s*new\s*,\s*old\s*\))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trigger:
    """After these kinds of writes to a table, these calls, for each row."""

    name: str
    table: Key
    kinds: tuple[str, ...]
    calls: tuple[exp.Expr, ...]


class Triggers:
    """The triggers and the functions that they execute."""

    def __init__(self) -> None:
        self._functions: dict[Key, tuple[exp.Expr, ...]] = {}
        self._triggers: dict[tuple[Key, str], Trigger] = {}

    def watching(self, table: Key, kind: str) -> list[Trigger]:
        """The triggers to run after a write, by name, as Postgres orders them."""
        return [
            trigger
            for _, trigger in sorted(self._triggers.items())
            if trigger.table == table and kind in trigger.kinds
        ]

    def create_function(self, sql: str) -> None:
        """`create function … returns trigger` in plpgsql, whose body performs calls and returns.

        Raises `DatabaseError` for a body that does more.
        """
        function = _FUNCTION.fullmatch(sql.strip().rstrip(";"))
        body = function and _BODY.fullmatch(function["body"])
        if function is None or body is None:
            raise unsupported(sql)
        steps = [step.strip() for step in _split(body["steps"])]
        calls = [_call(step) for step in steps if step and not _RETURN.fullmatch(step)]
        key = ((function["schema"] or "public").lower(), function["name"].lower())
        self._functions[key] = tuple(calls)

    def drop_function(self, key: Key, if_exists: bool) -> None:
        if self._functions.pop(key, None) is None and not if_exists:
            raise DatabaseError("42883", f"function {'.'.join(key)}() does not exist")

    def create(self, statement: exp.Create) -> None:
        """`create trigger … after … on … for each row execute function …`."""
        properties = statement.args["properties"].expressions[0]
        if properties.args["timing"] != "AFTER" or properties.args["for_each"] != "ROW":
            raise unsupported("triggers other than AFTER … FOR EACH ROW")
        name, table = name_of(statement.this), table_key(properties.args["table"])
        if (table, name) in self._triggers and not statement.args.get("replace"):
            raise DatabaseError(
                "42710", f'trigger "{name}" for relation "{table[1]}" already exists'
            )
        kinds = tuple(str(event.this).upper() for event in properties.args["events"])
        calls = self._function(properties.args["execute"].this)
        self._triggers[table, name] = Trigger(name, table, kinds, calls)

    def drop(self, name: str, table: Key, if_exists: bool) -> None:
        """`drop trigger [if exists] … on …`. Raises `DatabaseError` 42704."""
        if self._triggers.pop((table, name), None) is None and not if_exists:
            raise DatabaseError("42704", f'trigger "{name}" for table "{table[1]}" does not exist')

    def _function(self, reference: exp.Expr) -> tuple[exp.Expr, ...]:
        qualified = isinstance(reference, exp.Dot)
        schema = name_of(reference.this) if qualified else "public"
        called = reference.expression if qualified else reference
        key = (schema, str(called.this).lower())
        if key not in self._functions:
            raise DatabaseError("42883", f"function {key[1]}() does not exist")
        return self._functions[key]


def _call(step: str) -> exp.Expr:
    perform = _PERFORM.fullmatch(step)
    if perform is None:
        raise unsupported(f"{step!r} in a trigger function; it may perform calls and return")
    return parse_expression(perform["call"])


def _split(steps: str) -> list[str]:
    """The statements of a body, at semicolons outside of strings."""
    return re.findall(r"(?:'(?:[^']|'')*'|[^;'])+", steps)
