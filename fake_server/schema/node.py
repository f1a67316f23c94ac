"""One table of a schema file, read by key and type; what is wrong is told with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fake_server.database import DatabaseError
from fake_server.schema.toml_lines import line_of

Location = tuple[str | int, ...]

_SECRETS = ("jwt_secret", "jwks", "password")
"""What no error may quote."""


class SchemaError(ValueError):
    """A schema file that cannot be used: where, which key, and the rule that it breaks."""

    def __init__(self, source: str, line: int, key: str, rule: str) -> None:
        super().__init__(f"{source}, line {line}: {key}: {rule}")
        self.source = source
        self.line = line
        self.key = key
        self.rule = rule


class Node:
    """A TOML table with its place in the file, read by key and type."""

    def __init__(self, values: Mapping[str, Any], at: Location, text: str, source: str) -> None:
        self.values = values
        self.at = at
        self._text = text
        self._source = source

    def error(self, rule: str, *keys: str | int) -> SchemaError:
        """What is wrong with a key of this table, or of one below it; without keys, with itself."""
        path = (*self.at, *keys)
        dotted = ".".join(str(part) for part in path)
        return SchemaError(self._source, line_of(self._text, path), dotted, rule)

    def allow(self, *keys: str) -> None:
        """Raises `SchemaError` for any other key."""
        for key in self.values:
            if key not in keys:
                raise self.error(f"no such key; there are {', '.join(keys)}", key)

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        """The value of a key. Raises `SchemaError` for one of another type."""
        value = self.values.get(key, default)
        if value is not None and (
            not isinstance(value, kind) or (kind is int) is not _whole(value)
        ):
            told = f", not {_shown(value)}" if key not in _SECRETS else ""
            raise self.error(f"has to be {_KINDS[kind]}{told}", key)
        return value

    def need(self, key: str, kind: type) -> Any:
        """The same for a key that has to be there."""
        if key not in self.values:
            raise self.error("is missing", key)
        return self.get(key, kind)

    def one_of(self, key: str, choices: tuple[str, ...], default: str) -> Any:
        value = self.get(key, str, default)
        if value not in choices:
            raise self.error(f"{value!r} is none of {', '.join(choices)}", key)
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings; one string stands for a list of one."""
        value = self.values.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self.error(f"has to be a list of strings, not {_shown(value)}", key)
        return tuple(items)

    def table(self, key: str) -> Node:
        """The table under this key; an empty one if there is none."""
        return self._child(self.get(key, dict, {}), key)

    def tables(self) -> Iterator[tuple[str, Node]]:
        """All tables under this one, by name."""
        for key in self.values:
            yield key, self.table(key)

    def list(self, key: str) -> Iterator[Node]:
        """The tables of an array."""
        for index, item in enumerate(self.get(key, list, [])):
            if not isinstance(item, dict):
                raise self.error(f"has to be a table, not {_shown(item)}", key, index)
            yield self._child(item, key, index)

    def _child(self, values: Mapping[str, Any], *at: str | int) -> Node:
        return Node(values, (*self.at, *at), self._text, self._source)

    @contextmanager
    def checking(self, key: str | int, *more: str | int) -> Iterator[None]:
        """Blame this key for what the database says."""
        try:
            yield
        except DatabaseError as error:
            details = f" ({error.details})" if error.details else ""
            raise self.error(error.message + details, key, *more) from None


_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "a table",
    list: "a list",
}


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
