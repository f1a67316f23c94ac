"""Reading the query string: what belongs to which level of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from fake_server.rest.conditions import read_filter, read_logic
from fake_server.rest.errors import bad_range
from fake_server.rest.model import Field, Order, Part, Path, Query, Tree
from fake_server.rest.scanner import Scanner
from fake_server.rest.select_list import read_select

_RESERVED = ("select", "columns", "on_conflict", "apikey")
_WORDS = ("order", "limit", "offset", "and", "or")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_DIRECTIONS = ("asc", "desc", "nullsfirst", "nullslast")


def read_query(pairs: Iterable[tuple[str, str]]) -> Query:
    """All that stands behind the `?`. Raises `Refused`: PGRST100, PGRST103."""
    pairs = list(pairs)
    named = dict(reversed(pairs))
    parts: dict[Path, Part] = {}
    for key, text in pairs:
        if key not in _RESERVED:
            _add(parts, key, text)
    return Query(
        select=read_select(named.get("select", "*")),
        parts=parts,
        columns=_names("columns parameter", named.get("columns")),
        on_conflict=_names("on_conflict parameter", named.get("on_conflict")),
    )


def _add(parts: dict[Path, Part], key: str, text: str) -> None:
    *path, word = key.split(".")
    if word in ("and", "or"):
        negated = "not" in path
        where = tuple(name for name in path if name != "not")
        logic = read_logic(negated, word, text)
        parts[where] = _with_tree(parts.get(where, Part()), logic)
    elif word in _WORDS:
        where = tuple(path)
        parts[where] = _with_word(parts.get(where, Part()), word, text)
    else:
        where, field = _tree_path(key)
        condition = read_filter(field, text)
        parts[where] = _with_tree(parts.get(where, Part()), condition)


def _with_tree(part: Part, tree: Tree) -> Part:
    return replace(part, trees=(*part.trees, tree))


def _with_word(part: Part, word: str, text: str) -> Part:
    if word == "order":
        return replace(part, order=read_order(text))
    number = int(text) if _WHOLE.fullmatch(text) else None
    if word == "offset":
        return replace(part, offset=number or 0)
    if number is not None and number < 0:
        raise bad_range("Limit should be greater than or equal to zero.")
    return replace(part, limit=number)


def _tree_path(key: str) -> tuple[Path, Field]:
    """The embedded tables that a filter's name leads through, and the column."""
    scanner = Scanner("tree path", key)
    path: list[str] = []
    field = scanner.field()
    while not field.path and scanner.take("."):
        path.append(field.name)
        field = scanner.field()
    scanner.need_end('"->>", "->", delimiter (.) or end of input')
    return tuple(path), field


def _names(what: str, text: str | None) -> tuple[str, ...] | None:
    if not text:
        return None
    scanner = Scanner(what, text)
    names = [scanner.name()]
    while scanner.take(","):
        names.append(scanner.name())
    scanner.need_end('"," or end of input')
    return tuple(dict.fromkeys(names))


def read_order(text: str) -> tuple[Order, ...]:
    """`a.desc.nullslast,embedded(b)`. Raises `Refused` PGRST100."""
    if not text:
        return ()
    scanner = Scanner("order", text)
    terms = [_term(scanner)]
    while scanner.take(","):
        terms.append(_term(scanner))
    scanner.need_end('delimiter (.), "," or end of input')
    return tuple(terms)


def _term(scanner: Scanner) -> Order:
    relation = None
    field = scanner.field()
    if not field.path and scanner.take("("):
        relation, field = field.name, scanner.field()
        scanner.need(")")
    words = [_direction(scanner, _DIRECTIONS)] if scanner.take(".") else []
    if words and not words[0].startswith("nulls") and scanner.take("."):
        words.append(_direction(scanner, _DIRECTIONS[2:]))
    scanner.skip_blanks()
    nulls = next((word for word in words if word.startswith("nulls")), None)
    nulls_first = None if nulls is None else nulls == "nullsfirst"
    return Order(field, "desc" in words, nulls_first, relation)


def _direction(scanner: Scanner, choices: tuple[str, ...]) -> str:
    for word in choices:
        if scanner.take(word):
            return word
    listed = ", ".join(f'"{word}"' for word in choices[:-1])
    raise scanner.error(f'{listed} or "{choices[-1]}"')
