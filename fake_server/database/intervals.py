"""Postgres' `interval`: its text form, and its length for comparisons."""

from __future__ import annotations

import re
from decimal import Decimal

_UNIT = {
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), ("months", 12)),
    **dict.fromkeys(("mon", "mons", "month", "months"), ("months", 1)),
    **dict.fromkeys(("w", "week", "weeks"), ("days", 7)),
    **dict.fromkeys(("d", "day", "days"), ("days", 1)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("microseconds", 3_600_000_000)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), ("microseconds", 60_000_000)),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), ("microseconds", 1_000_000)),
    **dict.fromkeys(("ms", "msec", "milliseconds", "millisecond"), ("microseconds", 1000)),
}
_PART = re.compile(
    r"\s*(?:(?P<clock>[+-]?\d+:\d{1,2}(?::\d{1,2}(?:\.\d+)?)?)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*))\s*",
    re.IGNORECASE,
)
_DAY_US = 86_400_000_000


def parse_interval(text: str) -> str | None:
    """The canonical text of an interval (`1 day 02:00:00`); None if it is none."""
    fields = _fields(text)
    return None if fields is None else _canonical(fields)


def interval_microseconds(text: str) -> int:
    """How long an interval is, a month as 30 days, as Postgres compares them."""
    fields = _fields(text) or {}
    days = fields.get("months", 0) * 30 + fields.get("days", 0)
    return int(days * _DAY_US + fields.get("microseconds", 0))


def _fields(text: str) -> dict[str, Decimal] | None:
    fields: dict[str, Decimal] = {}
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or (part["unit"] or "").lower() not in _UNIT:
            return None
        field, amount = _amount(part)
        fields[field] = fields.get(field, Decimal(0)) + amount
        at = part.end()
    return fields or None


def _amount(part: re.Match[str]) -> tuple[str, Decimal]:
    if part["clock"]:
        hours, minutes, seconds = (*part["clock"].lstrip("+-").split(":"), "0")[:3]
        total_s = int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds)
        sign = -1 if part["clock"].startswith("-") else 1
        return "microseconds", sign * total_s * 1_000_000
    field, factor = _UNIT[part["unit"].lower()]
    return field, Decimal(part["number"]) * factor


def _canonical(fields: dict[str, Decimal]) -> str:
    months, days = int(fields.get("months", 0)), int(fields.get("days", 0))
    microseconds = int(fields.get("microseconds", 0))
    years, months = (abs(months) // 12, abs(months) % 12) if months >= 0 else _negated(months)
    words = [
        f"{count} {unit}" + ("" if count == 1 else "s")
        for count, unit in ((years, "year"), (months, "mon"), (days, "day"))
        if count
    ]
    if microseconds or not words:
        plus = "+" if words and words[-1].startswith("-") and microseconds > 0 else ""
        words.append(plus + _clock(microseconds))
    return " ".join(words)


def _negated(months: int) -> tuple[int, int]:
    return -(-months // 12), -(-months % 12)


def _clock(microseconds: int) -> str:
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
