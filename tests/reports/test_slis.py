"""Which of several measurements is the worst."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

import harness.checkers
from reports.slis import INDICATORS, Indicator, shown, worst_value


def test_the_largest_is_the_worst_where_lower_is_better() -> None:
    assert worst_value("recovery_s", [1.0, 3.0, 2.0]) == 3.0


def test_the_smallest_is_the_worst_where_higher_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = {"delivered": Indicator("messages that arrived", "higher")}
    monkeypatch.setattr("reports.slis.INDICATORS", table)
    assert worst_value("delivered", [1.0, 3.0, 2.0]) == 1.0


def test_every_number_that_a_shipped_checker_measures_is_known() -> None:
    """A new checker's number could not be bounded in a run that happens not to measure it."""
    folder = Path(harness.checkers.__file__).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    measured = re.findall(r'"(\w+)"\]?\s*[:=]\s*Sli\(', sources)
    assert {"recovery_s", "lost", "spread_max_share"} <= set(measured)
    assert [name for name in measured if name not in INDICATORS] == []


@pytest.mark.parametrize("never", [None, math.nan, math.inf])
def test_what_never_came_to_be_is_worse_than_any_number(never: float | None) -> None:
    assert worst_value("recovery_s", [1.0, never, 2.0]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (0.25, "0.25"), (31.0, "31"), (86_431.2, "86431")]
)
def test_a_number_has_the_digits_a_person_can_use(value: float | None, text: str) -> None:
    assert shown(value) == text
