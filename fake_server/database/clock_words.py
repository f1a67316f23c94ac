"""The words of a date or a time: what they are, and the moment that they come to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fake_server.database.calendar_days import DAY_US, SECOND_US, calendar, day_number
from fake_server.database.errors import DatabaseError
from fake_server.database.transaction_time import began_s

_ZONE_HOURS_MAX = 15
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS_FROM_NOW = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ABBREVIATIONS_H = {
    "z": 0,
    "utc": 0,
    "gmt": 0,
    "zulu": 0,
    "ut": 0,
    "wet": 0,
    "west": 1,
    "bst": 1,
    "cet": 1,
    "cest": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "jst": 9,
    "kst": 9,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<clock>\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?)
    |(?P<iso>\d{3,}-\d{1,2}-\d{1,2}|\d{1,2}-\d{1,2}-\d{1,}(?![\d:]))(?=$|[^\d:])
    |(?P<named>[A-Za-z]{3,9}-\d{1,2}-\d{1,}|\d{1,2}-[A-Za-z]{3,9}-\d{1,})
    |(?P<slashed>\d{1,2}/\d{1,2}/\d+)
    |(?P<zone>[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?)(?=$|[\sA-Za-z])
    |(?P<place>[A-Za-z]+(?:_[A-Za-z]+)*/[A-Za-z_/+-]+\d*)
    |(?P<digits>\d+)(?=$|[\sA-Za-z,+-])
    |(?P<word>[A-Za-z]+\.?)
    )[\s,]*""",
    re.VERBOSE | re.ASCII,
)


class Clock(NamedTuple):
    """A date in days since 1970, a time of day, and how far east of Greenwich both are."""

    day: int | None
    time_us: int | None
    zone_s: int | None


@dataclass(slots=True)
class _Read:
    """What the words of a text say, so far."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    time_us: int | None = None
    zone: str | int | None = None
    half: str | None = None
    before_christ: bool = False
    after_t: bool = False


class Unclear(Exception):
    """What is written is no date or time."""


class Overflow(Exception):
    """A field has a value that it cannot have; `swapped` says that days and months may be."""

    def __init__(self, swapped: bool = False) -> None:
        super().__init__()
        self.swapped = swapped


def clock_now() -> Clock:
    """The moment of the present transaction."""
    day, time_us = divmod(round(began_s() * SECOND_US), DAY_US)
    return Clock(day, time_us, 0)


def read_clock(text: str, needs_date: bool) -> Clock:
    """What a text says; without a date only where none is needed. Raises `Unclear`, `Overflow`, and
    `DatabaseError` 22009 and 22023 for a zone that there is not."""
    read = _Read()
    plain = text.strip()
    at = 0
    while at < len(plain):
        token = _TOKEN.match(plain, at)
        if token is None or token.lastgroup is None:
            raise Unclear
        _READERS[token.lastgroup](read, token[token.lastgroup])
        at = token.end()
    time_us = _in_half(read)
    has_date = read.day is not None
    if has_date is False and (needs_date or time_us is None):
        raise Unclear
    day = _day_number(read) if has_date else None
    return Clock(day, time_us, _zone_s(text, read, day, time_us))


def _read_clock(read: _Read, text: str) -> None:
    hours, minutes, seconds = (*text.split(":"), "0")[:3]
    whole, _, fraction = seconds.partition(".")
    fraction_us = round(float(f"0.{fraction or 0}") * SECOND_US)
    _set_time(read, int(hours), int(minutes), int(whole), fraction_us)


def _set_time(read: _Read, hours: int, minutes: int, seconds: int, fraction_us: int = 0) -> None:
    if read.time_us is not None:
        raise Unclear
    time_us = ((hours * 60 + minutes) * 60 + seconds) * SECOND_US + fraction_us
    if minutes > 59 or seconds > 60 or (hours > 23 and time_us > DAY_US):
        raise Overflow
    read.time_us = time_us


def _read_iso(read: _Read, text: str) -> None:
    first, second, third = (int(part) for part in text.split("-"))
    if len(text.split("-")[0]) >= 3:
        _set_date(read, first, second, third)
    else:
        _set_date(read, _full_year(text.split("-")[2]), first, second)


def _read_named(read: _Read, text: str) -> None:
    first, second, year = text.split("-")
    name, day = (first, second) if first.isalpha() else (second, first)
    _set_date(read, _full_year(year), _month(name), int(day))


def _read_slashed(read: _Read, text: str) -> None:
    month, day, year = text.split("/")
    _set_date(read, _full_year(year), int(month), int(day))


def _full_year(text: str) -> int:
    """Two digits are a year near ours."""
    if len(text) > 2:
        return int(text)
    return int(text) + (2000 if int(text) < 70 else 1900)


def _month(name: str) -> int:
    if name[:3].lower() not in _MONTHS:
        raise Unclear
    return _MONTHS.index(name[:3].lower()) + 1


def _set_date(read: _Read, year: int, month: int, day: int) -> None:
    if read.day is not None:
        raise Unclear
    read.year, read.month, read.day = year, month, day


def _read_zone(read: _Read, text: str) -> None:
    digits = text[1:].replace(":", "").ljust(6, "0")
    if len(text[1:].split(":")[0]) == 1:
        digits = f"0{text[1:]}".replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if read.zone is not None or minutes > 59:
        raise Unclear
    total_s = (hours * 60 + minutes) * 60 + seconds
    read.zone = -total_s if text.startswith("-") else total_s


def _read_place(read: _Read, text: str) -> None:
    if read.zone is not None:
        raise Unclear
    read.zone = text


def _read_digits(read: _Read, text: str) -> None:
    has_date = read.year is not None and read.day is not None
    is_empty = read.month is None and read.day is None
    if len(text) == 8 and is_empty and not read.after_t:
        _set_date(read, int(text[:4]), int(text[4:6]), int(text[6:]))
    elif len(text) in (4, 6) and (read.after_t or has_date or is_empty):
        padded = text.ljust(6, "0")
        _set_time(read, int(padded[:2]), int(padded[2:4]), int(padded[4:]))
    elif len(text) <= 2 and read.day is None:
        read.day = int(text)
    elif read.year is None and read.month is not None:
        read.year = _full_year(text)
    else:
        raise Unclear


def _read_word(read: _Read, text: str) -> None:
    word = text.lower().rstrip(".")
    if word in ("am", "pm"):
        read.half = word
    elif word in ("bc", "ad"):
        read.before_christ = word == "bc"
    elif word in _DAYS_FROM_NOW:
        today, _, _ = clock_now()
        assert today is not None
        _set_date(read, *calendar(today + _DAYS_FROM_NOW[word]))
    elif word == "allballs" and read.zone is None:
        _set_time(read, 0, 0, 0)
        read.zone = 0
    elif word == "t":
        read.after_t = True
    elif word in _ABBREVIATIONS_H and read.zone is None:
        read.zone = _ABBREVIATIONS_H[word] * 3600
    elif word[:3] in _MONTHS and read.month is None:
        read.month = _month(word)
    elif word[:3] not in _WEEKDAYS:
        raise Unclear


_READERS: dict[str, Callable[[_Read, str], None]] = {
    "clock": _read_clock,
    "iso": _read_iso,
    "named": _read_named,
    "slashed": _read_slashed,
    "zone": _read_zone,
    "place": _read_place,
    "digits": _read_digits,
    "word": _read_word,
}


def _in_half(read: _Read) -> int | None:
    """The time of day, with what AM and PM make of it."""
    if read.half is None or read.time_us is None:
        return read.time_us
    hours, rest = divmod(read.time_us, 3600 * SECOND_US)
    if hours > 12:
        raise Overflow
    return (hours % 12 + (12 if read.half == "pm" else 0)) * 3600 * SECOND_US + rest


def _day_number(read: _Read) -> int:
    year, month, day = read.year, read.month, read.day
    if year is None or month is None or day is None:
        raise Unclear
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise Overflow(swapped=True)
    if year == 0:
        raise Overflow
    year = 1 - year if read.before_christ else year
    try:
        return day_number(year, month, day)
    except ValueError:
        raise Overflow from None


def _zone_s(text: str, read: _Read, day: int | None, time_us: int | None) -> int | None:
    zone = read.zone
    if isinstance(zone, int):
        if abs(zone) >= (_ZONE_HOURS_MAX + 1) * 3600:
            raise DatabaseError("22009", f'time zone displacement out of range: "{text}"')
        return zone
    if zone is None:
        return None
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DatabaseError("22023", f'time zone "{zone.lower()}" not recognized') from None
    year = min(max(calendar(day or 0)[0], 1), 9998)
    moment = datetime(year, *calendar(day or 0)[1:]) + timedelta(microseconds=time_us or 0)
    offset = moment.replace(tzinfo=place).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
