"""Reading filters: `eq.1`, `not.in.(1,2)`, `like(any).{a*,b*}`, and trees of `and` and `or`."""

from __future__ import annotations

import re
from typing import Literal, cast

from fake_server.rest.model import Condition, Field, Logic, Tree
from fake_server.rest.scanner import Scanner

QUANTIFIABLE = frozenset(("eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch"))
"""The operators that `(any)` and `(all)` may follow."""
SIMPLE = QUANTIFIABLE | {"neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "isdistinct"}
SEARCHES = frozenset(("fts", "plfts", "phfts", "wfts"))
_TRILEANS = ("not_null", "null", "unknown", "true", "false")
_DEPTH_MAX = 50
_OPERATOR = re.compile(r"([^.(]*)(?:\((\w+)\))?\.")
_ARRAY = re.compile(r"\{[^{}]*\}")
_LOGIC = re.compile(r"(not\.)?(and|or)(?=[ \t]*\()")


def read_filter(field: Field, text: str) -> Condition:
    """`operator.value` as it stands behind a column's name. Raises `Refused` PGRST100."""
    scanner = Scanner("filter", text)
    found = _condition(scanner, field, nested=False)
    scanner.need_end()
    return found


def read_logic(negated: bool, word: str, text: str) -> Logic:
    """`(a.eq.1,or(…))` as it stands behind `and=` and `or=`. Raises `Refused` PGRST100."""
    scanner = Scanner("logic tree", word + text, text)
    scanner.at = len(word)
    logic = Logic(word == "or", _trees(scanner, 0), negated)
    scanner.need_end()
    return logic


def _trees(scanner: Scanner, depth: int) -> tuple[Tree, ...]:
    if depth > _DEPTH_MAX:
        raise scanner.failure(f"more than {_DEPTH_MAX} levels of conditions")
    scanner.skip_blanks()
    scanner.need("(")
    trees = [_tree(scanner, depth)]
    while scanner.take(","):
        trees.append(_tree(scanner, depth))
    scanner.need(")", '"," or ")"')
    scanner.skip_blanks()
    return tuple(trees)


def _tree(scanner: Scanner, depth: int) -> Tree:
    scanner.skip_blanks()
    logic = scanner.match(_LOGIC)
    if logic is not None:
        return Logic(logic[2] == "or", _trees(scanner, depth + 1), logic[1] is not None)
    if scanner.looks_at(")") or scanner.at_end:
        raise scanner.error(
            "field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)"
        )
    field = scanner.field()
    scanner.need(".", "delimiter (.)")
    return _condition(scanner, field, nested=True)


def _condition(scanner: Scanner, field: Field, nested: bool) -> Condition:
    negated = scanner.take("not.")
    start = scanner.at
    found = scanner.match(_OPERATOR)
    if found is None:
        expecting = "operator (eq, gt, ...)" if negated else '"not" or operator (eq, gt, ...)'
        raise scanner.error(expecting)
    word, argument = found[1], found[2]
    if word == "in" and argument is None:
        return Condition(field, "in", values=_list(scanner), negated=negated)
    if word == "is" and argument is None:
        return Condition(field, "is", _trilean(scanner), negated=negated)
    if word in SEARCHES:
        value = _value(scanner, nested)
        return Condition(field, word, value, negated=negated, language=argument)
    quantified = argument is None or (word in QUANTIFIABLE and argument in ("any", "all"))
    if word not in SIMPLE or not quantified:
        scanner.at = start
        shown = word if argument is None else f"{word}({argument})"
        raise scanner.failure(f"unknown single value operator {shown}")
    quantifier = cast(Literal["any", "all"] | None, argument)
    value = _value(scanner, nested)
    return Condition(field, word, value, negated=negated, quantifier=quantifier)


def _trilean(scanner: Scanner) -> str:
    start = scanner.at
    word = scanner.until(",)").strip().lower()
    if word not in _TRILEANS:
        scanner.at = start
        raise scanner.error("isVal: (null, not_null, true, false, unknown)")
    return word


def _list(scanner: Scanner) -> tuple[str, ...]:
    scanner.skip_blanks()
    scanner.need("(")
    items = [_element(scanner)]
    while scanner.take(","):
        items.append(_element(scanner))
    scanner.need(")", '"," or ")"')
    scanner.skip_blanks()
    return () if items == [""] else tuple(items)


def _element(scanner: Scanner) -> str:
    """One value up to a comma or a bracket; quotes protect both."""
    start = scanner.at
    quoted = scanner.quoted()
    if quoted is not None and (scanner.at_end or scanner.looks_at(",") or scanner.looks_at(")")):
        return quoted
    scanner.at = start
    return scanner.until(",)")


def _value(scanner: Scanner, nested: bool) -> str:
    if not nested:
        return scanner.rest()
    start = scanner.at
    array = scanner.match(_ARRAY)
    if array is not None:
        return array[0]
    scanner.at = start
    return _element(scanner)
