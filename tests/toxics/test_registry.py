"""Toxics are made from data by Toxiproxy's names."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.toxics import TOXICS, BadToxic, Slicer, make_toxic

GOLDEN = Path(__file__).parent.parent / "golden" / "toxiproxy" / "toxics.jsonl"


def test_a_toxic_is_made_from_its_type_and_attributes() -> None:
    made = make_toxic("slicer", {"average_size": 10, "delay": 5})
    assert made == Slicer(average_size=10, size_variation=0, delay=5)


def test_names_and_defaults_are_those_of_the_real_server() -> None:
    records = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
    bodies = [json.loads(r["response"]["body"]) for r in records if r["id"].startswith("default-")]
    recorded = {body["type"]: body["attributes"] for body in bodies}
    ours = {name: {**asdict(kind())} for name, kind in TOXICS.items()}
    assert ours == recorded


def test_an_unknown_type_lists_the_known_ones() -> None:
    with pytest.raises(BadToxic, match=r"no toxic 'down'.*latency, bandwidth"):
        make_toxic("down", {})


def test_an_unknown_attribute_lists_the_known_ones() -> None:
    with pytest.raises(BadToxic, match=r"no attribute 'jiter'.*latency, jitter"):
        make_toxic("latency", {"jiter": 5})
