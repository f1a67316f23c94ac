"""Postgres' dates and times: what their texts mean, and how they are printed and ordered."""

from __future__ import annotations

from collections.abc import Callable

from fake_server.database.calendar_days import (
    DAY_US,
    SECOND_US,
    calendar,
    date_text,
    era,
    time_text,
)
from fake_server.database.clock_words import Clock, Overflow, Unclear, clock_now, read_clock
from fake_server.database.errors import DatabaseError

_FIRST_DAY = -2_440_588
"""4714-11-24 BC, in days since 1970: where Postgres' calendar begins."""
_LAST_YEAR = 294_276
_LAST_DATE_YEAR = 5_874_897


def parse_timestamp(text: str) -> str:
    """`timestamp` as ISO text, or `infinity`. Raises `DatabaseError`."""
    return _parsed(text, "timestamp", lambda clock: _stamp(text, clock, None))


def parse_timestamptz(text: str) -> str:
    """`timestamptz` as ISO text in UTC, or `infinity`. Raises `DatabaseError`."""

    def stamp(clock: Clock) -> str:
        return _stamp(text, clock, clock.zone_s or 0)

    return _parsed(text, "timestamp with time zone", stamp)


def parse_date(text: str) -> str:
    """`date` as ISO text, or `infinity`. Raises `DatabaseError`."""

    def show(clock: Clock) -> str:
        assert clock.day is not None
        year, month, day = calendar(clock.day)
        if clock.day < _FIRST_DAY or year > _LAST_DATE_YEAR:
            raise DatabaseError("22008", f'date out of range: "{text}"')
        return date_text(year, month, day) + era(year)

    return _parsed(text, "date", show)


def parse_time(text: str) -> str:
    """`time` as ISO text. Raises `DatabaseError`."""
    if text.strip().lower() == "allballs":
        return "00:00:00"
    try:
        is_now = text.strip().lower() == "now"
        clock = clock_now() if is_now else read_clock(text, needs_date=False)
    except Unclear:
        raise _invalid(text, "time") from None
    except Overflow as overflow:
        raise _out_of_range(text, overflow) from None
    if clock.time_us is None:
        raise _invalid(text, "time")
    return time_text(clock.time_us)


def moment_key(text: str) -> float:
    """Orders dates and timestamps: microseconds since 1970."""
    if text.endswith("infinity"):
        return float(text.replace("infinity", "inf"))
    clock = read_clock(text, needs_date=True)
    assert clock.day is not None
    return float(clock.day * DAY_US + (clock.time_us or 0) - (clock.zone_s or 0) * SECOND_US)


def moment_output(text: str) -> str:
    """A stored `timestamp` or `timestamptz` as Postgres prints it."""
    return text.replace("T", " ", 1).replace("+00:00", "+00")


def _parsed(text: str, type_label: str, show: Callable[[Clock], str]) -> str:
    word = text.strip().lower()
    if word in ("infinity", "-infinity"):
        return word
    try:
        if word in ("epoch", "now"):
            clock = clock_now() if word == "now" else Clock(0, 0, 0)
        else:
            clock = read_clock(text, needs_date=True)
    except Unclear:
        raise _invalid(text, type_label) from None
    except Overflow as overflow:
        raise _out_of_range(text, overflow) from None
    return show(clock)


def _invalid(text: str, type_label: str) -> DatabaseError:
    return DatabaseError("22007", f'invalid input syntax for type {type_label}: "{text}"')


def _out_of_range(text: str, overflow: Overflow) -> DatabaseError:
    hint = 'Perhaps you need a different "datestyle" setting.' if overflow.swapped else None
    message = f'date/time field value out of range: "{text}"'
    return DatabaseError("22008", message, hint=hint)


# Printing.


def _stamp(text: str, clock: Clock, zone_s: int | None) -> str:
    """ISO text; a zone is UTC after all."""
    assert clock.day is not None
    total_us = clock.day * DAY_US + (clock.time_us or 0) - (zone_s or 0) * SECOND_US
    number, time_us = divmod(total_us, DAY_US)
    year, month, day = calendar(number)
    if number < _FIRST_DAY or year > _LAST_YEAR:
        raise DatabaseError("22008", f'timestamp out of range: "{text}"')
    zone = "" if zone_s is None else "+00:00"
    return f"{date_text(year, month, day)}T{time_text(time_us)}{zone}{era(year)}"


def timestamp_text(now_s: float) -> str:
    """A moment (seconds since the epoch) as `timestamptz`, to the microsecond."""
    microseconds = round(now_s * SECOND_US)
    day, time_us = divmod(microseconds, DAY_US)
    year, month, number = calendar(day)
    return f"{date_text(year, month, number)}T{time_text(time_us)}+00:00"
