"""Postgres' `interval`: its text form, and its length for comparisons."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from fake_server.database.errors import DatabaseError

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_MONTH_DAYS = 30
_COUNT_MAX = 2**31 - 1
_US_MAX = 2**63 - 1
_AMOUNT_DIGITS_MAX = 25

_UNITS: dict[str, tuple[str, str, int]] = {
    word: (name, base, factor)
    for name, base, factor, words in (
        ("millennium", "months", 12_000, "mil mils millennium millennia"),
        ("century", "months", 1200, "c cent century centuries"),
        ("decade", "months", 120, "dec decs decade decades"),
        ("year", "months", 12, "y yr yrs year years"),
        ("month", "months", 1, "mon mons month months"),
        ("week", "days", 7, "w week weeks"),
        ("day", "days", 1, "d day days"),
        ("hour", "us", 3600 * _SECOND_US, "h hr hrs hour hours"),
        ("minute", "us", 60 * _SECOND_US, "m min mins minute minutes"),
        ("second", "us", _SECOND_US, "s sec secs second seconds"),
        ("millisecond", "us", 1000, "ms msec msecs msecond mseconds millisecond milliseconds"),
        ("microsecond", "us", 1, "us usec usecs usecond useconds microsecond microseconds"),
    )
    for word in words.split()
}
_ISO_DATE = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME = {"H": "hour", "M": "minute", "S": "second"}
_ISO = re.compile(r"P((?:-?\d+(?:\.\d+)?[YMWD])*)(?:T((?:-?\d+(?:\.\d+)?[HMS])*))?", re.ASCII)
_ISO_LONG = re.compile(r"P(\d{4,})-(\d{2})-(\d{2})T(\d{2}:\d{2}:\d{2}(?:\.\d+)?)", re.ASCII)
_ISO_PART = re.compile(r"(-?\d+(?:\.\d+)?)([A-Z])")
_PART = re.compile(
    r"\s*(?:(?P<clock>[+-]?\d+:\d+(?::\d+(?:\.\d*)?)?)(?=\s|$)"
    r"|(?P<years>[+-]?\d+)-(?P<months>\d+)(?=\s|$)"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?P<unit>[a-z]*))\s*",
    re.IGNORECASE | re.ASCII,
)


class NoInterval(Exception):
    """A text that is no interval."""


class _Overflow(Exception):
    """An amount that no interval holds."""


@dataclass(slots=True)
class Span:
    """Months, days and microseconds, each on its own, as Postgres keeps them."""

    months: int = 0
    days: int = 0
    us: int = 0
    seen: set[str] = field(default_factory=set)

    def add(self, unit: str, amount: Decimal) -> None:
        """So many of a unit; what is less than a month becomes days, and less than a day time."""
        name, base, factor = _UNITS[unit]
        if name in self.seen:
            raise NoInterval
        self.seen.add(name)
        if abs(amount.adjusted()) > _AMOUNT_DIGITS_MAX:
            raise _Overflow
        exact = amount * factor
        if base == "months":
            whole = int(exact)
            self.months += whole
            self._add_days((exact - whole) * _MONTH_DAYS if name == "month" else Decimal(0))
        elif base == "days":
            self._add_days(exact)
        else:
            self.us += _rounded(exact)

    def _add_days(self, exact: Decimal) -> None:
        whole = int(exact)
        self.days += whole
        self.us += _rounded((exact - whole) * _DAY_US)


def _rounded(exact: Decimal) -> int:
    if abs(exact) > _US_MAX:
        raise _Overflow
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def parse_interval(text: str) -> str:
    """The canonical text of an interval (`1 day 02:00:00`). Raises `DatabaseError`."""
    try:
        return _canonical(_span(text))
    except NoInterval:
        message = f'invalid input syntax for type interval: "{text}"'
        raise DatabaseError("22007", message) from None
    except _Overflow:
        message = f'interval field value out of range: "{text}"'
        raise DatabaseError("22015", message) from None


def interval_microseconds(text: str) -> int:
    """How long an interval is, a month as 30 days, as Postgres compares them."""
    span = _span(text)
    return (span.months * _MONTH_DAYS + span.days) * _DAY_US + span.us


def _span(text: str) -> Span:
    plain = text.strip().removeprefix("@").strip()
    if plain.startswith("P"):
        return _iso_span(plain)
    span, sign = Span(), 1
    if plain.lower().endswith(" ago"):
        plain, sign = plain[:-4], -1
    parts = _parts(plain)
    for index, part in enumerate(parts):
        _take(span, part, before_clock=_is_clock(parts, index + 1))
    if max(abs(span.months), abs(span.days)) > _COUNT_MAX or abs(span.us) > _US_MAX:
        raise _Overflow
    return Span(sign * span.months, sign * span.days, sign * span.us)


def _parts(plain: str) -> list[re.Match[str]]:
    parts: list[re.Match[str]] = []
    at = 0
    while at < len(plain):
        part = _PART.match(plain, at)
        if part is None:
            raise NoInterval
        parts.append(part)
        at = part.end()
    if not parts:
        raise NoInterval
    return parts


def _is_clock(parts: list[re.Match[str]], index: int) -> bool:
    return index < len(parts) and parts[index]["clock"] is not None


def _take(span: Span, part: re.Match[str], before_clock: bool) -> None:
    if part["clock"] is not None:
        _take_clock(span, part["clock"])
    elif part["years"] is not None:
        sign = -1 if part["years"].startswith("-") else 1
        span.add("year", Decimal(part["years"]))
        span.add("month", sign * Decimal(part["months"]))
    else:
        unit = part["unit"].lower() or ("day" if before_clock else "second")
        if unit not in _UNITS:
            raise NoInterval
        span.add(unit, Decimal(part["number"]))


def _take_clock(span: Span, clock: str) -> None:
    hours, minutes, seconds = (*clock.lstrip("+-").split(":"), "0")[:3]
    if int(minutes) > 59 or Decimal(seconds or 0) >= 60:
        raise _Overflow
    total_s = int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds or 0)
    span.add("second", -total_s if clock.startswith("-") else total_s)


def _iso_span(plain: str) -> Span:
    span = Span()
    long = _ISO_LONG.fullmatch(plain)
    if long is not None:
        for unit, number in zip(("year", "month", "day"), long.groups(), strict=False):
            span.add(unit, Decimal(number))
        _take_clock(span, long[4])
        return span
    short = _ISO.fullmatch(plain)
    if short is None or not (short[1] or short[2]):
        raise NoInterval
    for units, listed in ((_ISO_DATE, short[1]), (_ISO_TIME, short[2] or "")):
        for number, letter in _ISO_PART.findall(listed):
            span.add(units[letter], Decimal(number))
    return span


def _canonical(span: Span) -> str:
    sign = -1 if span.months < 0 else 1
    years, months = sign * (abs(span.months) // 12), sign * (abs(span.months) % 12)
    words: list[str] = []
    is_after_minus = False
    for count, unit in ((years, "year"), (months, "mon"), (span.days, "day")):
        if count:
            plus = "+" if is_after_minus and count > 0 else ""
            words.append(f"{plus}{count} {unit}" + ("" if count == 1 else "s"))
            is_after_minus = count < 0
    if span.us or not words:
        plus = "+" if is_after_minus and span.us > 0 else ""
        words.append(plus + _clock(span.us))
    return " ".join(words)


def _clock(microseconds: int) -> str:
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), _SECOND_US)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
