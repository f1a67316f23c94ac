"""Attributes are whole numbers in range; what is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest

from harness.toxics import BadToxic, Latency


@pytest.mark.parametrize("value", [-1, 1.5, "100", None, True, 2**63])
def test_a_value_out_of_range_is_named_with_the_rule(value: Any) -> None:
    with pytest.raises(BadToxic) as error:
        Latency(latency=value)
    for part in ("latency", repr(value), "whole number"):
        assert part in str(error.value)
