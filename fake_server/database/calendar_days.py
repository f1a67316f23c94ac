"""Postgres' calendar: days since 1970 as years, months and days, far before and after our time."""

from __future__ import annotations

from datetime import date, timedelta

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097


def calendar(number: int) -> tuple[int, int, int]:
    """Year (0 is 1 BC), month and day of a number of days since 1970."""
    cycles, rest = divmod(number, _CYCLE_DAYS)
    shown = date(1970, 1, 1) + timedelta(days=rest)
    return shown.year + cycles * _CYCLE_YEARS, shown.month, shown.day


def day_number(year: int, month: int, day: int) -> int:
    """The days since 1970. Raises `ValueError` for a day that the month does not have."""
    shifted = date(year % _CYCLE_YEARS + _CYCLE_YEARS, month, day)
    cycles = year // _CYCLE_YEARS - 1
    return shifted.toordinal() - date(1970, 1, 1).toordinal() + cycles * _CYCLE_DAYS


def date_text(year: int, month: int, day: int) -> str:
    """A date as ISO text, without its era."""
    return f"{year if year > 0 else 1 - year:04}-{month:02}-{day:02}"


def era(year: int) -> str:
    """What stands behind a date, or a time, of this year."""
    return "" if year > 0 else " BC"


def time_text(time_us: int) -> str:
    """A time of day as ISO text, as far as it goes."""
    seconds, fraction_us = divmod(time_us, SECOND_US)
    fraction = f".{fraction_us:06}".rstrip("0") if fraction_us else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
