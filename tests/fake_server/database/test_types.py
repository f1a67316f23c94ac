"""Text to values in Postgres' words; every expectation was compared with PostgreSQL 15."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from fake_server.database import DatabaseError, cast, from_json, json_text, order_key
from fake_server.database.moments import timestamp_text
from fake_server.database.output import output
from fake_server.database.types import canonical


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int4", " 42 ", 42),
        ("int8", "9007199254740993", 9007199254740993),
        ("numeric", "12.50", Decimal("12.50")),
        ("float8", "2.25", 2.25),
        ("float4", "0.1", 0.1),
        ("bool", "yes", True),
        ("bool", "OFF", False),
        ("uuid", "{11111111111141118111111111111111}", "11111111-1111-4111-8111-111111111111"),
        ("bytea", "\\xDEADBEEF", "\\xdeadbeef"),
        ("bytea", "abc", "\\x616263"),
        ("jsonb", '{"y": [1, null]}', {"y": [1, None]}),
        ("_text", '{a,"b,c",NULL,"NULL",""}', ["a", "b,c", None, "NULL", ""]),
        ("_int4", "{{1,2},{3,4}}", [[1, 2], [3, 4]]),
        ("_int4", "{}", []),
        ("date", "2026-01-02", "2026-01-02"),
        ("time", "03:04", "03:04:00"),
        ("timestamp", "2026-01-02 03:04:05.120", "2026-01-02T03:04:05.12"),
        ("timestamptz", "2026-01-02 03:04:05.123+02", "2026-01-02T01:04:05.123+00:00"),
        ("interval", "90 minutes", "01:30:00"),
        ("interval", "1 year 2 months -3 days 04:05:06.7", "1 year 2 mons -3 days +04:05:06.7"),
        ("inet", "10.0.0.1", "10.0.0.1"),
        ("inet", "10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_text_is_read_as_postgres_reads_it(kind: str, text: str, value: Any) -> None:
    assert cast(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "code", "message"),
    [
        ("int4", "abc", "22P02", 'invalid input syntax for type integer: "abc"'),
        ("int4", "99999999999", "22003", 'value "99999999999" is out of range for type integer'),
        ("int8", "", "22P02", 'invalid input syntax for type bigint: ""'),
        ("numeric", "x", "22P02", 'invalid input syntax for type numeric: "x"'),
        ("float4", "1e50", "22003", '"1e50" is out of range for type real'),
        ("bool", "maybe", "22P02", 'invalid input syntax for type boolean: "maybe"'),
        ("uuid", "x", "22P02", 'invalid input syntax for type uuid: "x"'),
        ("json", "{a", "22P02", "invalid input syntax for type json"),
        ("bytea", "\\xzz", "22023", 'invalid hexadecimal digit: "z"'),
        ("bytea", "\\xabc", "22023", "invalid hexadecimal data: odd number of digits"),
        ("_text", "x", "22P02", 'malformed array literal: "x"'),
        ("_text", "{a", "22P02", 'malformed array literal: "{a"'),
        ("_int4", "{1,x}", "22P02", 'invalid input syntax for type integer: "x"'),
        ("date", "foo", "22007", 'invalid input syntax for type date: "foo"'),
        ("date", "2026-02-30", "22008", 'date/time field value out of range: "2026-02-30"'),
        ("time", "25:00", "22008", 'date/time field value out of range: "25:00"'),
        (
            "timestamptz",
            "foo",
            "22007",
            'invalid input syntax for type timestamp with time zone: "foo"',
        ),
        ("interval", "foo", "22007", 'invalid input syntax for type interval: "foo"'),
        ("inet", "foo", "22P02", 'invalid input syntax for type inet: "foo"'),
        ("nosuch", "1", "42704", 'type "nosuch" does not exist'),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_postgres(
    kind: str, text: str, code: str, message: str
) -> None:
    """The texts reach clients: in `system` messages of Realtime and in PostgREST's errors."""
    with pytest.raises(DatabaseError) as raised:
        cast(kind, text)
    assert (raised.value.code, raised.value.message) == (code, message)


def test_numbers_that_json_lacks_are_kept() -> None:
    assert math.isnan(cast("float4", "NaN"))
    assert cast("float8", "-Infinity") == -math.inf
    assert cast("numeric", "NaN").is_nan()


def test_numeric_is_rounded_to_its_scale_and_bounded_by_its_precision() -> None:
    assert cast("numeric", "1.005", (10, 2)) == Decimal("1.01")
    with pytest.raises(DatabaseError, match="numeric field overflow") as raised:
        cast("numeric", "123456789.5", (10, 2))
    assert raised.value.details == (
        "A field with precision 10, scale 2 must round to an absolute value less than 10^8."
    )


def test_a_varchar_forgives_blanks_beyond_its_length_and_nothing_else() -> None:
    assert cast("varchar", "1234567890   ", (10,)) == "1234567890"
    with pytest.raises(DatabaseError, match=r"value too long for type character varying\(10\)"):
        cast("varchar", "12345678901", (10,))


def test_json_values_become_what_json_populate_record_makes_of_them() -> None:
    assert from_json("text", 5) == "5"
    assert from_json("int4", "5") == 5
    assert from_json("_int4", [1, "2"]) == [1, 2]
    assert from_json("jsonb", {"a": 1}) == {"a": 1}
    assert from_json("timestamptz", None) is None


def test_jsonb_is_printed_with_its_keys_by_length() -> None:
    """As recorded: `{"id": 1, "num": 5, "done": false, …}`."""
    printed = json_text({"done": False, "id": 1, "price": Decimal("12.50"), "x": float("nan")})
    assert printed == '{"x": null, "id": 1, "done": false, "price": 12.50}'


def test_nan_is_the_greatest_number_and_intervals_order_by_length() -> None:
    assert order_key("float8", math.nan) > order_key("float8", math.inf)
    assert order_key("interval", "1 day") > order_key("interval", "23:59:59")


def test_moments_order_as_their_texts() -> None:
    moments = [timestamp_text(seconds) for seconds in (1.0, 1.5, 1.51, 2.0)]
    assert moments == sorted(moments)
    assert moments[1] == "1970-01-01T00:00:01.5+00:00"


def test_values_are_printed_as_in_error_details() -> None:
    assert output("bool", True) == "t"
    assert output("_text", ["a", "b c", None]) == '{a,"b c",NULL}'
    assert output("timestamptz", "2026-01-02T03:04:05+00:00") == "2026-01-02 03:04:05+00"


def test_types_are_known_by_every_name_of_theirs() -> None:
    assert canonical("timestamp with time zone") == "timestamptz"
    assert canonical("BIGINT[]") == "_int8"
    assert canonical("nosuch") is None
