"""Array literals: `{a,"b,c",NULL}` as a list of texts, and Postgres' words for what is none."""

from __future__ import annotations

import re
from typing import Any

from fake_server.database.errors import DatabaseError

_TOKEN = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|[{},]|(?:[^"\\{},\s]|\\.|\s+(?=[^"{},\s]))+)\s*', re.DOTALL
)
_DIMENSIONS_MAX = 6


class _Malformed(Exception):
    """The detail of the error."""


def parse_items(text: str) -> list[Any]:
    """The items of an array literal, lists for inner arrays, None for NULL; quotes and escapes are
    undone. Raises `DatabaseError` 22P02."""
    plain = text.strip()
    try:
        if not plain.startswith("{"):
            raise _Malformed('Array value must start with "{" or dimension information.')
        items, end = _items(plain, 1, 1)
        if end != len(plain):
            raise _Malformed("Junk after closing right brace.")
        _shape(items)
    except _Malformed as malformed:
        message = f'malformed array literal: "{text}"'
        raise DatabaseError("22P02", message, str(malformed)) from None
    return items


def _items(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    """The items from `at` to the closing brace, and where it ends."""
    if depth > _DIMENSIONS_MAX:
        message = (
            f"number of array dimensions ({depth}) exceeds the maximum allowed ({_DIMENSIONS_MAX})"
        )
        raise DatabaseError("54000", message)
    items: list[Any] = []
    before = "{"
    while match := _TOKEN.match(text, at):
        token, at = match[1], match.end()
        if token == "}" and (before == "item" or (before == "{" and depth == 1)):
            return items, at
        if token in "},":
            if before != "item":
                raise _Malformed(f'Unexpected "{token}" character.')
            before = token
            continue
        if before == "item":
            raise _Malformed(
                'Unexpected "{" character.' if token == "{" else "Unexpected array element."
            )
        before = "item"
        if token == "{":
            nested, at = _items(text, at, depth + 1)
            items.append(nested)
        else:
            items.append(_item(token))
    if at < len(text) and before == "item" and text[at] == '"':
        raise _Malformed("Unexpected array element.")
    raise _Malformed("Unexpected end of input.")


def _item(token: str) -> str | None:
    if token.upper() == "NULL":
        return None
    inner = token[1:-1] if token.startswith('"') else token
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def _shape(items: list[Any]) -> tuple[int, ...]:
    """How many items there are in each dimension: inner arrays are all alike."""
    shapes = {_shape(item) if isinstance(item, list) else () for item in items}
    if len(shapes) > 1:
        raise _Malformed("Multidimensional arrays must have sub-arrays with matching dimensions.")
    return (len(items), *next(iter(shapes), ()))


def array_text(texts: list[str]) -> str:
    """The array of these, each already as an array has it."""
    return "{" + ",".join(texts) + "}"


def item_text(text: str | None) -> str:
    """An item as an array has it: in quotes where it has to be."""
    if text is None:
        return "NULL"
    plain = text and text.upper() != "NULL" and not re.search(r'[{}",\\\s]', text)
    return text if plain else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
