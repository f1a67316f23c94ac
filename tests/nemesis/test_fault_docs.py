"""The page of faults says what the registry and the stories do."""

from __future__ import annotations

from pathlib import Path

from harness.fault_docs import page, stories_in
from harness.nemesis import FAULTS

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "faults.md"


def test_the_page_of_faults_is_written_from_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(stories_in(ROOT / "scenarios")), (
        "say: python -m harness.fault_docs > docs/faults.md"
    )


def test_every_fault_has_its_section() -> None:
    text = page({})
    for name in FAULTS:
        assert f"\n### `{name}`\n" in text


def test_a_story_is_found_by_the_faults_that_it_writes_down(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(
        'from harness.nemesis import Fault\nA = Fault("rst", after_s=1), Fault("hole", after_s=2)\n'
    )
    (tmp_path / "test_none.py").write_text('FAULT = "rst"\n')
    assert stories_in(tmp_path) == {"rst": ["two"], "hole": ["two"]}
