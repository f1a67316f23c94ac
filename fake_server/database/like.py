"""SQL's `LIKE` and `ILIKE`: `%`, `_`, and the backslash as escape.

What stands between two `%` is looked for once, from left to right, and never given back: no pattern
backtracks. Without `_` between its letters it is found as any text is, in linear time. With them,
every place of the text is tried at the same time: places are the bits of a number, and each letter
of the pattern leaves those where it stands. What that costs has a bound.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fake_server.database.errors import DatabaseError

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ANY = re.compile("%+")
_RUN = re.compile("[^_]+")
_MEANT = {"%": "\ud800", "_": "\ud801"}
"""What stands for a sign that means itself, while a pattern is read: no text holds these."""
_WORK_MAX = 20_000_000_000
"""What one comparison may cost, in places that a letter is compared with: half a second. Postgres
takes longer than any `statement_timeout` of Supabase's for such a pattern, and says the same."""
_SCAN_WORK = 25
_PLACE_WORK = 6_000
"""What it costs to pass a letter of the text, and to note a place, in the same measure."""
_RUN_WORK = 3_000
"""What it costs to compare a run of letters with one place."""
_NEAR = 16
"""How many places are tried one by one, before all at the same time."""
_LETTERS_MAX = 64
"""How many letters have their places remembered: an eighth of the text each."""


def like(text: str, pattern: str) -> bool:
    """Whether a pattern fits the whole of a text.

    Raises `DatabaseError` 22025 for an escape of nothing, where the text gets so far, and 57014
    for a comparison that would hold the server up.
    """
    is_open = (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1
    meant = _meant(pattern[:-1] if is_open else pattern)
    if len(meant) - meant.count("%") > len(text):
        return False
    beginning, *others = _ANY.split(meant)
    first = _part(beginning)
    if not others:
        return _fits_all(text, first, is_open)
    *middle, end = others
    last = _part(end)
    stop = len(text) - (_left_over(last) if is_open else last.length)
    start = first.length
    if start > stop or not first.stands(text, 0) or not (is_open or last.stands(text, stop)):
        return False
    places = _Places(text)
    for part in map(_part, middle):
        found = _find(part, text, start, stop, places)
        if found is None:
            return False
        start = found + part.length
    if is_open and _find(last, text, start, stop, places) is not None:
        raise _escapes_nothing()
    return not is_open


def ilike(text: str, pattern: str) -> bool:
    """The same whatever the case of letters."""
    return like(_lower(text), _lower(pattern))


def _lower(text: str) -> str:
    """Letter by letter, as Postgres does it: Python makes two of `İ`, and another sigma where a
    word ends."""
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def _fits_all(text: str, only: _Part, is_open: bool) -> bool:
    """A pattern without `%`."""
    if len(text) < only.length + is_open or not only.stands(text, 0):
        return False
    if is_open:
        raise _escapes_nothing()
    return len(text) == only.length


def _left_over(last: _Part) -> int:
    """How many letters have to be left for Postgres to come to the escape of nothing."""
    return 1 if last.runs or not last.length else 0


def _escapes_nothing() -> DatabaseError:
    return DatabaseError("22025", "LIKE pattern must not end with escape character")


# Patterns.


class _Part(NamedTuple):
    """What stands between two `%`: runs of letters, each with its place, among any letters."""

    length: int
    runs: list[tuple[int, str]]

    def stands(self, text: str, at: int) -> bool:
        """Whether it fits here."""
        return all(text.startswith(run, at + offset) for offset, run in self.runs)


def _meant(pattern: str) -> str:
    """The pattern without escapes."""
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), pattern)


def _part(meant: str) -> _Part:
    runs = [(found.start(), _plain(found[0])) for found in _RUN.finditer(meant)]
    return _Part(len(meant), runs)


def _plain(run: str) -> str:
    for sign, stand_in in _MEANT.items():
        run = run.replace(stand_in, sign)
    return run


# Looking for a part.


def _find(part: _Part, text: str, start: int, stop: int, places: _Places) -> int | None:
    """The first place between these where a part fits."""
    if start + part.length > stop:
        return None
    if len(part.runs) > 1:
        return places.find(part, start, stop)
    offset, run = part.runs[0] if part.runs else (0, "")
    found = text.find(run, start + offset, stop - (part.length - offset - len(run)))
    return None if found < 0 else found - offset


class _Places:
    """Where letters stand in a text, as numbers whose bits are its places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[str, int] = {}
        self._work_left = _WORK_MAX

    def find(self, part: _Part, start: int, stop: int) -> int | None:
        """The first place between these where all runs of a part stand."""
        last = stop - part.length
        near = min(start + _NEAR, last + 1)
        self._spend(_RUN_WORK * len(part.runs) * (near - start))
        for at in range(start, near):
            if part.stands(self._text, at):
                return at
        return self._find_far(part, near, last) if near <= last else None

    def _find_far(self, part: _Part, start: int, last: int) -> int | None:
        left = (1 << last - start + 1) - 1
        for offset, run in part.runs:
            for at, letter in enumerate(run, start + offset):
                left &= self._of(letter) >> at
                self._spend(len(self._text) - at)
                if not left:
                    return None
        return start + (left & -left).bit_length() - 1

    def _of(self, letter: str) -> int:
        known = self._known.get(letter)
        if known is not None:
            return known
        self._spend(_SCAN_WORK * len(self._text) + _PLACE_WORK * self._text.count(letter))
        octets = bytearray(len(self._text) // 8 + 1)
        at = self._text.find(letter)
        while at >= 0:
            octets[at >> 3] |= 1 << (at & 7)
            at = self._text.find(letter, at + 1)
        found = int.from_bytes(octets, "little")
        if len(self._known) < _LETTERS_MAX:
            self._known[letter] = found
        return found

    def _spend(self, work: int) -> None:
        self._work_left -= work
        if self._work_left < 0:
            raise DatabaseError("57014", "canceling statement due to statement timeout")
