"""A cursor over one part of a query, which says where it cannot go on; names and JSON paths."""

from __future__ import annotations

import re

from fake_server.rest.errors import Refused, bad_query
from fake_server.rest.model import Field, Step

_NAME = re.compile(r"[\w $]+(?:-(?!>)[\w $]+)*")
_IDENTIFIER = re.compile(r"[\w $]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_INDEX = re.compile(r"-?[0-9]{1,9}(?=->|::|\.|,|\)|$)")
_EXPECTED_NAME = "field name (* or [a..z0..9_$])"


class Scanner:
    """Reads `text` from left to right; `what` names it in errors."""

    def __init__(self, what: str, text: str, shown: str | None = None) -> None:
        self._what = what
        self._text = text
        self._shown = text if shown is None else shown
        self.at = 0

    @property
    def at_end(self) -> bool:
        return self.at == len(self._text)

    def looks_at(self, literal: str) -> bool:
        return self._text.startswith(literal, self.at)

    def take(self, literal: str) -> bool:
        """Step over these characters if they come next."""
        if not self.looks_at(literal):
            return False
        self.at += len(literal)
        return True

    def need(self, literal: str, expecting: str | None = None) -> None:
        """Step over these characters. Raises `Refused`."""
        if not self.take(literal):
            raise self.error(expecting or f'"{literal}"')

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Step over what the pattern matches."""
        found = pattern.match(self._text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def skip_blanks(self) -> None:
        while self.looks_at(" ") or self.looks_at("\t"):
            self.at += 1

    def rest(self) -> str:
        """Everything that is left."""
        text, self.at = self._text[self.at :], len(self._text)
        return text

    def until(self, stops: str) -> str:
        """What comes before one of these characters, or the end."""
        start = self.at
        while not self.at_end and self._text[self.at] not in stops:
            self.at += 1
        return self._text[start : self.at]

    def need_end(self, expecting: str = "end of input") -> None:
        if not self.at_end:
            raise self.error(expecting)

    def error(self, expecting: str) -> Refused:
        found = f'"{self._text[self.at]}"' if not self.at_end else "end of input"
        return self.failure(f"unexpected {found} expecting {expecting}")

    def failure(self, details: str) -> Refused:
        return bad_query(self._what, self._shown, self.at + 1, details)

    # What many parts have.

    def name(self) -> str:
        """A column or table, quoted or not. Raises `Refused`."""
        self.skip_blanks()
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.match(_NAME)
        if found is None:
            raise self.error(_EXPECTED_NAME)
        return found[0].strip()

    def quoted(self) -> str | None:
        """A value in double quotes, without its escapes; None if there is none."""
        found = self.match(_QUOTED)
        return None if found is None else re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)

    def identifier(self, expecting: str) -> str:
        found = self.match(_IDENTIFIER)
        if found is None:
            raise self.error(expecting)
        return found[0].strip()

    def field(self) -> Field:
        """A column and a path into it. Raises `Refused`."""
        name = self.name()
        path: list[Step] = []
        as_text = False
        while self.looks_at("->"):
            as_text = self.take("->>") or not self.take("->")
            index = self.match(_INDEX)
            path.append(int(index[0]) if index is not None else self.name())
        self.skip_blanks()
        return Field(name, tuple(path), as_text)
