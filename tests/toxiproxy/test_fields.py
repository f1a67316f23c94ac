"""Typed bodies: names in any case, good fields kept beside a bad one."""

from __future__ import annotations

from typing import Any

import pytest

from harness.toxiproxy.fields import read_object
from harness.toxiproxy.jsontext import decode_first

TYPES = {"latency": "int64", "jitter": "int64", "toxicity": "float32"}


def read(body: str) -> tuple[dict[str, Any], str | None]:
    found, refusal = read_object(decode_first(body.encode()), "T", TYPES, go_value="T")
    return found, refusal.text if refusal else None


def test_names_match_in_any_case_and_null_is_absent() -> None:
    assert read('{"LATENCY": 5, "jitter": null, "other": 1}') == ({"latency": 5}, None)


def test_fields_after_a_bad_one_are_read() -> None:
    found, refusal = read('{"latency": "x", "jitter": 7}')
    assert found == {"jitter": 7}
    assert refusal is not None
    assert "cannot unmarshal string into Go struct field T.latency of type int64" in refusal


@pytest.mark.parametrize("literal", ["1.5", "1e3", "9223372036854775808", "1" * 5000])
def test_whole_numbers_are_plain_and_fit(literal: str) -> None:
    _, refusal = read(f'{{"latency": {literal}}}')
    assert refusal is not None
    assert f"number {literal} into" in refusal


def test_the_largest_whole_number_fits() -> None:
    assert read('{"latency": 9223372036854775807}') == ({"latency": 2**63 - 1}, None)


@pytest.mark.parametrize("literal", ["1e39", "-1e39", "1e400", "-1e400"])
def test_a_share_that_no_float32_holds_is_refused(literal: str) -> None:
    """It would be listed as `inf`, which is no JSON."""
    found, refusal = read(f'{{"toxicity": {literal}}}')
    assert found == {}
    assert refusal is not None
    assert f"number {literal} into Go struct field T.toxicity of type float32" in refusal


def test_the_largest_and_the_smallest_share_are_read() -> None:
    assert read('{"toxicity": 3.4e38}')[1] is None
    assert read('{"toxicity": 1e-400}') == ({"toxicity": 0.0}, None)
