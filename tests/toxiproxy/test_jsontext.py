"""JSON as Go reads and writes it."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.toxiproxy.errors import ApiError
from harness.toxiproxy.jsontext import Number, decode_first, encode, to_float32

VALUES = st.recursive(
    st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert decode_first(encode(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_a_value_or_a_400(body: bytes) -> None:
    refusals = []
    try:
        decode_first(body)
    except ApiError as error:
        refusals.append((error.status, error.text[:18]))
    assert refusals in ([], [(400, "bad request body: ")])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"NaN", "invalid character 'N' looking for beginning of value"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b"[" * 100_000, "exceeded max depth"),
        (b'"abc', "unexpected EOF"),
        (b" \n", "EOF"),
    ],
)
def test_broken_bodies_are_worded_as_go_does(body: bytes, reason: str) -> None:
    with pytest.raises(ApiError) as refused:
        decode_first(body)
    assert refused.value.text == f"bad request body: {reason}"


def test_a_number_is_kept_as_it_was_written() -> None:
    """Go refuses 1.0 and 1e0 where it wants a whole number."""
    assert decode_first(b"[1, 1.0, 1e0]") == [Number("1"), Number("1.0"), Number("1e0")]


def test_text_is_escaped_for_web_pages_only() -> None:
    assert encode("<&>\u2028é") == '"\\u003c\\u0026\\u003e\\u2028é"'


@example(3.4028234663852886e38)  # the largest: rounded to fewer digits it does not fit
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_precision_number_survives_shortened(value: float) -> None:
    short = to_float32(value)
    assert struct.pack("<f", short) == struct.pack("<f", value)
    assert math.isclose(json.loads(encode(short)), short, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3333333333, "0.33333334"), (1.0, "1"), (1e-7, "1e-7"), (1e22, "1e+22"), (-1.0, "-1")],
)
def test_numbers_are_written_as_go_does(value: float, text: str) -> None:
    assert encode(to_float32(value)) == text
