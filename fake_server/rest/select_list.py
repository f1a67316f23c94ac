"""Reading `select`: columns, aliases, casts, JSON paths, and tables that are embedded."""

from __future__ import annotations

import re

from fake_server.rest.errors import Refused
from fake_server.rest.model import Field, SelectEmbed, SelectField, SelectItem
from fake_server.rest.scanner import Scanner

_DEPTH_MAX = 50
_AGGREGATE = re.compile(r"\.(avg|count|max|min|sum)\(\)")
_COUNT = re.compile(r"count\(\)")
_STAR = SelectField(Field("*"))


def read_select(text: str) -> tuple[SelectItem, ...]:
    """The items of a select list; none at all is `*`. Raises `Refused` PGRST100."""
    if not text.strip():
        return (_STAR,)
    scanner = Scanner("select parameter", text)
    items = _items(scanner, 0)
    scanner.need_end('",", ")" or end of input')
    return items


def _items(scanner: Scanner, depth: int) -> tuple[SelectItem, ...]:
    if depth > _DEPTH_MAX:
        raise scanner.failure(f"more than {_DEPTH_MAX} levels of embedding")
    items = [_item(scanner, depth)]
    while scanner.take(","):
        items.append(_item(scanner, depth))
    return tuple(items)


def _item(scanner: Scanner, depth: int) -> SelectItem:
    scanner.skip_blanks()
    spread = scanner.take("...")
    if not spread and scanner.take("*"):
        scanner.skip_blanks()
        return _STAR
    alias = None if spread else _alias(scanner)
    if not spread and scanner.match(_COUNT):
        raise _aggregate()
    start = scanner.at
    name = scanner.name()
    if spread or scanner.looks_at("!") or scanner.looks_at("("):
        return _embed(scanner, name, alias, spread, depth)
    scanner.at = start
    return _field(scanner, alias)


def _alias(scanner: Scanner) -> str | None:
    """The name before a single colon; two are a cast."""
    start = scanner.at
    name = scanner.name()
    if scanner.looks_at(":") and not scanner.looks_at("::"):
        scanner.take(":")
        return name
    scanner.at = start
    return None


def _field(scanner: Scanner, alias: str | None) -> SelectField:
    field = scanner.field()
    cast = scanner.identifier("letter or digit") if scanner.take("::") else None
    if scanner.match(_AGGREGATE):
        raise _aggregate()
    if not (scanner.at_end or scanner.looks_at(",") or scanner.looks_at(")")):
        raise scanner.error('letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input')
    return SelectField(field, cast, alias)


def _embed(
    scanner: Scanner, target: str, alias: str | None, spread: bool, depth: int
) -> SelectEmbed:
    hint, inner = None, False
    while scanner.take("!"):
        word = scanner.name()
        if word == "inner":
            inner = True
        elif word != "left":
            hint = word
    scanner.need("(")
    scanner.skip_blanks()
    items = () if scanner.looks_at(")") else _items(scanner, depth + 1)
    scanner.need(")", '",", ")"')
    scanner.skip_blanks()
    return SelectEmbed(target, alias, hint, inner, spread, items)


def _aggregate() -> Refused:
    return Refused(400, "PGRST123", "Use of aggregate functions is not allowed")
