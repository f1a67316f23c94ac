"""What is asked for is shown; what could end the original runs safely."""

from __future__ import annotations

import pytest

from harness.toxics import TOXICS, Latency
from harness.toxiproxy.toxic_record import ToxicRecord, attribute_names


def test_negative_values_are_echoed_and_run_as_nothing() -> None:
    record = ToxicRecord("n", "latency", "downstream", 1.0, {"latency": -5})
    assert record.to_json()["attributes"] == {"latency": -5, "jitter": 0}
    assert record.running() == Latency(latency=0)


@pytest.mark.parametrize("kind", TOXICS)
@pytest.mark.parametrize("value", [-(2**63), -1, 0, 1, 2**63 - 1])
def test_any_value_that_the_api_accepts_can_run(kind: str, value: int) -> None:
    attributes = dict.fromkeys(attribute_names(kind), value)
    toxic = ToxicRecord("t", kind, "upstream", 1.0, attributes).running()
    assert toxic.type == kind
