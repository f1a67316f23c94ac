"""Where in the text of a TOML file a value stands, for error messages that name the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(?P<open>\[\[?)(?P<name>[^\[\]]+)\]\]?\s*(?:#.*)?")
_PAIR = re.compile(
    r"""\s*(?P<name>(?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|[\w-]+))*)\s*="""
)


def line_of(text: str, path: Path) -> int:
    """The number of the line that sets the value at `path`, or of what is nearest around it."""
    best, best_line = 0, 1
    for found, line in _places(text):
        common = _common(found, path)
        if common == len(found) and common > best:
            best, best_line = common, line
    rest = path[best:]
    if rest and isinstance(rest[0], int):
        return _item_line(text, best_line, rest[0])
    return best_line


def _common(found: Path, path: Path) -> int:
    pairs = zip(found, path, strict=False)
    return next((n for n, (left, right) in enumerate(pairs) if left != right), len(found))


def _places(text: str) -> Iterator[tuple[Path, int]]:
    """Every header and every key with its full path, as the lines come."""
    section: Path = ()
    counts: dict[Path, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            section = _resolved(_split(f"[{header['name']}]"), counts, header["open"] == "[[")
            yield section, number
        elif pair := _PAIR.match(line):
            yield section + _split(f"{pair['name']} = 0"), number


def _resolved(names: Path, counts: dict[Path, int], appends: bool) -> Path:
    """A header's path with the indexes of the arrays of tables that it runs through."""
    path: Path = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if appends and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _split(source: str) -> Path:
    """The parts of a dotted key, by the parser that knows them all."""
    try:
        tree: Any = tomllib.loads(source)
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str | int] = []
    while isinstance(tree, dict) and tree:
        name, tree = next(iter(tree.items()))
        parts.append(name)
    return tuple(parts)


def _item_line(text: str, first_line: int, index: int) -> int:
    """The line of the n-th inline table of an array that begins here, one table a line."""
    lines = text.splitlines()
    items = [n for n, line in enumerate(lines, 1) if n > first_line and line.strip()[:1] == "{"]
    return items[index] if index < len(items) else first_line
