"""Postgres' regular expressions (`~`, `~*`), run by RE2.

No pattern takes longer than its length times that of the text, so none that a client sends can hold
the server up.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from fake_server.database.errors import DatabaseError, unsupported

_COUNT_MAX = 255
_WORD = r"\p{L}\p{M}\p{Nd}_"
_CLASSES = {
    "alpha": r"\p{L}\p{M}",
    "digit": r"0-9",
    "alnum": r"\p{L}\p{M}\p{Nd}",
    "space": r"\s\v",
    "upper": r"\p{Lu}",
    "lower": r"\p{Ll}",
    "punct": r"!-/:-@\[-`{-~",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "graph": r"!-~\p{L}",
    "print": r" -~\p{L}",
    "xdigit": "0-9A-Fa-f",
    "word": _WORD,
}
_SHORTHANDS = {"d": "0-9", "s": r"\s\v", "w": _WORD}
_CONTROLS = {"a": 7, "b": 8, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "B": 92}
_ANCHORS = {"A": r"\A", "Z": r"\z", "m": r"\b", "M": r"\b", "y": r"\b", "Y": r"\B"}
"""A word's begin and its end are any edge of a word here: they differ next to no letter only."""
_HEX = {
    "u": re.compile(r"[0-9a-fA-F]{4}"),
    "U": re.compile(r"[0-9a-fA-F]{8}"),
    "x": re.compile(r"[0-9a-fA-F]+"),
}
_BOUNDS = re.compile(r"\{(\d+)(?:(,)(\d*))?")
_BEGINS_LOOKING = ("(?=", "(?!", "(?<=", "(?<!")
_OPTIONS = re.compile(r"\(\?([a-z]+)\)")
_UNBALANCED = "parentheses () not balanced"
_OPEN_BRACKETS = "brackets [] not balanced"
_NO_OPERAND = "quantifier operand invalid"
_BAD_ESCAPE = r"invalid escape \ sequence"
_BAD_COUNT = "invalid repetition count(s)"


def matches(text: str, pattern: str) -> bool:
    """`~`: whether a pattern is found in a text. Raises `DatabaseError` 2201B for a broken one, and
    0A000 for one that looks around or back."""
    return _compiled(pattern, ignore_case=False).search(text) is not None


def imatches(text: str, pattern: str) -> bool:
    """`~*`: the same whatever the case of letters."""
    return _compiled(pattern, ignore_case=True).search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str, ignore_case: bool) -> re2._Regexp:
    translation = _Translation(pattern, ignore_case)
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = not translation.by_lines
    options.case_sensitive = not translation.ignores_case
    try:
        source = translation.run()
        return re2.compile(f"(?m){source}" if translation.by_lines else source, options)
    except re2.error:
        raise _broken("regular expression is too complex") from None
    except UnicodeEncodeError:
        raise _broken("invalid character") from None


def _broken(reason: str) -> DatabaseError:
    return DatabaseError("2201B", f"invalid regular expression: {reason}")


class _Translation:
    """One pattern on its way from Postgres' syntax to RE2's."""

    def __init__(self, pattern: str, ignores_case: bool) -> None:
        self.ignores_case = ignores_case
        self.by_lines = False
        self._text = pattern
        self._at = 0
        self._out: list[str] = []
        self._depth = 0
        self._repeatable = False
        """Whether a quantifier may follow."""
        self._literal = pattern.startswith("***=")
        if pattern.startswith(("***=", "***:")):
            self._at = 4
        self._read_options()

    def _read_options(self) -> None:
        options = _OPTIONS.match(self._text, self._at)
        if self._literal or options is None:
            return
        for letter in options[1]:
            if letter not in "cimnqst":
                raise _broken("invalid embedded option")
            self.ignores_case = letter == "i" or (self.ignores_case and letter != "c")
            self.by_lines = letter in "mn" or (self.by_lines and letter != "s")
            self._literal |= letter == "q"
        self._at = options.end()

    def run(self) -> str:
        """The pattern for RE2. Raises `DatabaseError`."""
        if self._literal:
            return str(re2.escape(self._text[self._at :]))
        while self._at < len(self._text):
            character = self._text[self._at]
            read = _READERS.get(character, _Translation._take_literal)
            if character == "{" and not _BOUNDS.match(self._text, self._at):
                read = _Translation._take_literal
            read(self)
        if self._depth:
            raise _broken(_UNBALANCED)
        return "".join(self._out)

    def _put(self, text: str, length: int, repeatable: bool) -> None:
        self._out.append(text)
        self._at += length
        self._repeatable = repeatable

    def _take_literal(self) -> None:
        self._put(_escaped(self._text[self._at]), 1, repeatable=True)

    def _take_any(self) -> None:
        self._put(".", 1, repeatable=True)

    def _take_anchor(self) -> None:
        self._put(self._text[self._at], 1, repeatable=False)

    def _take_bar(self) -> None:
        self._put("|", 1, repeatable=False)

    def _open(self) -> None:
        if self._text.startswith(_BEGINS_LOOKING, self._at):
            raise unsupported("a regular expression that looks ahead or behind")
        plain = self._text.startswith("(?:", self._at)
        if not plain and self._text.startswith("(?", self._at):
            following = self._text[self._at + 2 : self._at + 3]
            raise _broken("invalid embedded option" if following.isalpha() else _NO_OPERAND)
        self._depth += 1
        self._put("(?:", 3 if plain else 1, repeatable=False)

    def _close(self) -> None:
        if not self._depth:
            raise _broken(_UNBALANCED)
        self._depth -= 1
        self._put(")", 1, repeatable=True)

    def _repeat(self) -> None:
        if not self._repeatable:
            raise _broken(_NO_OPERAND)
        bounds = _BOUNDS.match(self._text, self._at)
        taken = self._text[self._at] if bounds is None else self._bounded(bounds)
        lazy = self._text.startswith("?", self._at + len(taken))
        self._put(taken + "?" * lazy, len(taken) + lazy, repeatable=False)

    def _bounded(self, bounds: re.Match[str]) -> str:
        least, comma, most = int(bounds[1]), bounds[2], bounds[3]
        if bounds.end() >= len(self._text):
            raise _broken("braces {} not balanced")
        ends = self._text[bounds.end()] == "}"
        too_many = max(least, int(most or 0)) > _COUNT_MAX or (bool(most) and int(most) < least)
        if not ends or too_many or (comma is None and most):
            raise _broken(_BAD_COUNT)
        return self._text[self._at : bounds.end() + 1]

    # Escapes.

    def _escape(self) -> None:
        letter = self._text[self._at + 1 : self._at + 2]
        if letter in _ANCHORS and letter:
            self._put(_ANCHORS[letter], 2, repeatable=False)
        elif letter.lower() in _SHORTHANDS and letter:
            negation = "^" if letter.isupper() else ""
            self._put(f"[{negation}{_SHORTHANDS[letter.lower()]}]", 2, repeatable=True)
        else:
            code, length = self._character()
            self._put(_escaped(code), length, repeatable=True)

    def _character(self) -> tuple[str, int]:
        """The one character that an escape stands for, and how long the escape is."""
        letter = self._text[self._at + 1 : self._at + 2]
        if letter in _CONTROLS and letter:
            return chr(_CONTROLS[letter]), 2
        if letter == "0":
            return "\0", 2
        if letter.isdigit():
            raise unsupported("a regular expression that refers back")
        if letter in _HEX and letter:
            digits = _HEX[letter].match(self._text, self._at + 2)
            if digits is None or int(digits[0], 16) > 0x10FFFF:
                raise _broken(_BAD_ESCAPE)
            return chr(int(digits[0], 16)), 2 + len(digits[0])
        if not letter or (letter.isascii() and letter.isalnum()):
            raise _broken(_BAD_ESCAPE)
        return letter, 2

    # Brackets.

    def _brackets(self) -> None:
        self._at += 1
        parts = ["["]
        if self._text.startswith("^", self._at):
            parts.append("^")
            self._at += 1
        first = True
        while first or not self._text.startswith("]", self._at):
            if self._at >= len(self._text):
                raise _broken(_OPEN_BRACKETS)
            parts.append(self._bracketed())
            first = False
        self._put("".join(parts) + "]", 1, repeatable=True)

    def _bracketed(self) -> str:
        """One item: a class, a character, or a range of them."""
        if self._text.startswith("[:", self._at):
            return self._class()
        letter = self._text[self._at + 1 : self._at + 2]
        if self._text[self._at] == "\\" and letter and letter in _SHORTHANDS:
            self._at += 2
            return _SHORTHANDS[letter]
        low = self._bracket_character()
        is_range = self._text.startswith("-", self._at) and self._text[self._at + 1 :][:1] != "]"
        if not is_range or self._at + 1 >= len(self._text):
            return _escaped(low)
        self._at += 1
        if self._text.startswith("[:", self._at):
            raise _broken("invalid character range")
        high = self._bracket_character()
        if high < low:
            raise _broken("invalid character range")
        return f"{_escaped(low)}-{_escaped(high)}"

    def _bracket_character(self) -> str:
        if self._text[self._at] == "\\":
            character, length = self._character()
        else:
            character, length = self._text[self._at], 1
        if self._text.startswith(("[.", "[="), self._at):
            if self._text.find("]", self._at) < 0:
                raise _broken(_OPEN_BRACKETS)
            raise unsupported("collating elements in a regular expression")
        self._at += length
        return character

    def _class(self) -> str:
        end = self._text.find(":]", self._at)
        if end < 0:
            raise _broken(_OPEN_BRACKETS)
        name = self._text[self._at + 2 : end]
        if name not in _CLASSES:
            raise _broken("invalid character class")
        self._at = end + 2
        return _CLASSES[name]


_READERS = {
    ".": _Translation._take_any,
    "^": _Translation._take_anchor,
    "$": _Translation._take_anchor,
    "|": _Translation._take_bar,
    "(": _Translation._open,
    ")": _Translation._close,
    "*": _Translation._repeat,
    "+": _Translation._repeat,
    "?": _Translation._repeat,
    "{": _Translation._repeat,
    "\\": _Translation._escape,
    "[": _Translation._brackets,
}


def _escaped(character: str) -> str:
    """One character that means itself to RE2, inside brackets and outside."""
    if character.isalnum() or character == "_":
        return character
    return f"\\x{{{ord(character):x}}}"
