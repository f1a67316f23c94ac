"""The page of levers says what the registry does."""

from __future__ import annotations

import json
from pathlib import Path

from fake_server.levers.docs import known, page
from fake_server.levers.registry import LEVERS

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "levers.md"


def test_the_page_of_levers_is_written_from_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "say: python -m fake_server.levers.docs > docs/levers.md"
    )


def test_what_is_known_is_json_and_names_every_lever_and_parameter() -> None:
    found = json.loads(json.dumps(known(), allow_nan=False))
    assert list(found) == list(LEVERS)
    for name, spec in LEVERS.items():
        assert list(found[name]["parameters"]) == [one.name for one in spec.parameters]
    assert found["late"]["parameters"]["delay_s"]["required"] is True
    assert found["late"]["parameters"]["jitter_s"]["default"] == 0.0
