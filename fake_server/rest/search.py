"""Full text search: `fts`, `plfts`, `phfts` and `wfts` on the words of a text.

Words are compared as Postgres' configuration `simple` does it, in lower case and whole: no stems
are cut and no stop words left out, whatever the language is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fake_server.database import DatabaseError, types
from fake_server.database.typed import Typed, undefined_operator
from fake_server.rest.model import Condition

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\s*([&|!()]|<->|<\d{1,5}>|'(?:[^']|'')*'(?::\*)?|[^\s&|!()<']+)\s*")
_DEPTH_MAX = 100

Search = Callable[[list[str]], bool]
"""Whether the words of a text are found."""


def read_search(kind: str, condition: Condition) -> Callable[[Typed], bool | None]:
    """What a search says of a value. Raises `DatabaseError` 42601 for a broken one, 42883 for a
    value that is no text."""
    if types.category(kind) not in ("S", "json", "jsonb"):
        raise undefined_operator(kind, "@@", "tsquery")
    search = _READERS[condition.operator](condition.value)

    def found(value: Typed) -> bool | None:
        return None if value.value is None else search(_words(_texts(value.value)))

    return found


def _texts(value: object) -> str:
    """The text; of JSON, all its strings."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(_texts(item) for item in value.values())
    return "\n".join(_texts(item) for item in value) if isinstance(value, list) else ""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _phrase(words: list[str], gap: int = 1) -> Search:
    def found(text: list[str]) -> bool:
        span = (len(words) - 1) * gap + 1
        starts = range(len(text) - span + 1)
        return bool(words) and any(text[at : at + span : gap] == words for at in starts)

    return found


def _plain(text: str) -> Search:
    words = _words(text)
    return lambda found: bool(words) and all(word in found for word in words)


def _web(text: str) -> Search:
    """`"a phrase" word -without or other`."""
    options: list[list[Search]] = [[]]
    for minus, quoted, word in re.findall(r'(-?)(?:"([^"]*)"|([^\s"]+))', text):
        if word.lower() == "or" and not minus:
            options.append([])
            continue
        words = _words(quoted or word)
        if words:
            options[-1].append(_opposite(_phrase(words)) if minus else _phrase(words))
    meant = [option for option in options if option]
    return lambda found: any(all(each(found) for each in option) for option in meant)


def _opposite(search: Search) -> Search:
    return lambda found: not search(found)


class _Reader:
    """A `to_tsquery`: words with `&`, `|`, `!`, `<->` and brackets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0

    def read(self) -> Search:
        if not self._tokens:
            return lambda found: False
        search = self._or(0)
        if self._at < len(self._tokens):
            raise self._error()
        return search

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        stripped = text.strip()
        while at < len(stripped):
            found = _TOKEN.match(stripped, at)
            if found is None:
                raise self._error()
            tokens.append(found[1])
            at = found.end()
        return tokens

    def _error(self) -> DatabaseError:
        return DatabaseError("42601", f'syntax error in tsquery: "{self._text}"')

    def _next(self, *tokens: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at] in tokens:
            self._at += 1
            return self._tokens[self._at - 1]
        return None

    def _or(self, depth: int) -> Search:
        if depth > _DEPTH_MAX:
            raise self._error()
        parts = [self._and(depth)]
        while self._next("|"):
            parts.append(self._and(depth))
        return lambda found: any(part(found) for part in parts)

    def _and(self, depth: int) -> Search:
        parts = [self._single(depth)]
        while self._next("&"):
            parts.append(self._single(depth))
        return lambda found: all(part(found) for part in parts)

    def _single(self, depth: int) -> Search:
        if self._next("!"):
            return _opposite(self._single_within(depth + 1))
        if self._next("("):
            inner = self._or(depth + 1)
            if not self._next(")"):
                raise self._error()
            return inner
        return self._followed()

    def _single_within(self, depth: int) -> Search:
        if depth > _DEPTH_MAX:
            raise self._error()
        return self._single(depth)

    def _followed(self) -> Search:
        """A word, or several that follow each other."""
        words, is_prefix = self._word()
        while self._next("<->"):
            more, _ = self._word()
            words += more
        if is_prefix:
            return lambda found: any(word.startswith(words[-1]) for word in found)
        return _phrase(words)

    def _word(self) -> tuple[list[str], bool]:
        if self._at == len(self._tokens):
            raise self._error()
        token = self._tokens[self._at]
        is_prefix = token.endswith(":*")
        words = _words(token.removesuffix(":*"))
        if not words:
            raise self._error()
        self._at += 1
        return words, is_prefix


_READERS: dict[str, Callable[[str], Search]] = {
    "fts": lambda text: _Reader(text).read(),
    "plfts": _plain,
    "phfts": lambda text: _phrase(_words(text)),
    "wfts": _web,
}
