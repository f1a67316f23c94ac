"""LIKE: what its signs mean, and that no pattern holds the server up."""

import time

import pytest

from fake_server.database.like import ilike, like

_BOUND_S = 5.0
"""CPU time; what is tested takes a tenth of it, and would take minutes if it were quadratic."""


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("todos", "todos", True),
        ("todo_", "todos", True),
        ("todo_", "todo", False),
        ("t%s", "todos", True),
        ("%%o%%%s%%", "todos", True),
        ("%", "", True),
        ("%%", "", True),
        ("", "", True),
        ("", "a", False),
        ("_%", "", False),
        (r"100\%", "100%", True),
        (r"100\%", "1000", False),
        (r"\%%", "% and more", True),
        (r"\\", "\\", True),
        ("a%b", "a\nb", True),
        ("TODOS", "todos", False),
    ],
)
def test_signs_mean_what_they_mean_in_sql(pattern: str, text: str, matches: bool) -> None:
    assert like(text, pattern) is matches


def test_case_is_ignored_on_request() -> None:
    assert ilike("todos", "T%S")


@pytest.mark.parametrize("sign", ["x", "_", "%", r"\%", "x%", "%_"])
def test_a_pattern_as_long_as_a_frame_is_soon_compared(sign: str) -> None:
    began_s = time.process_time()
    like("public", sign * 1_000_000)
    assert time.process_time() - began_s < _BOUND_S
