"""What ends a real Toxiproxy is refused before it is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.toxics import BadToxic, Latency, Slicer, make_toxic
from harness.toxics.fatal import refuse_fatal

CRASHES = Path(__file__).parent.parent / "golden" / "toxiproxy" / "crashes.jsonl"


def fatal_records() -> list[dict[str, Any]]:
    records = [json.loads(line) for line in CRASHES.read_text().splitlines()]
    return [record for record in records if record.get("server_alive") is False]


@pytest.mark.parametrize("record", fatal_records(), ids=lambda record: str(record["id"]))
def test_every_recorded_crash_is_refused(record: dict[str, Any]) -> None:
    toxic = record["toxic"]
    with pytest.raises(BadToxic):
        refuse_fatal(make_toxic(toxic["type"], toxic.get("attributes", {})))


@pytest.mark.parametrize("toxic", [Slicer(average_size=1, size_variation=1), Latency(jitter=5)])
def test_what_a_toxiproxy_survives_is_not_refused(toxic: Slicer | Latency) -> None:
    assert refuse_fatal(toxic) is toxic
