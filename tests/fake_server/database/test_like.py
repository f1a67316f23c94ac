"""LIKE: what its signs mean, and that no pattern holds the server up."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server.database import DatabaseError
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


@pytest.mark.parametrize("sign", ["x", "_", "%", r"\%", "x%", "%_", "p_b%", r"\_%"])
def test_a_pattern_as_long_as_a_frame_is_soon_compared(sign: str) -> None:
    began_s = time.process_time()
    like("public", sign * 1_000_000)
    assert time.process_time() - began_s < _BOUND_S


LONG = "a" * 1_000_000


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("%" + "a" * 5_000 + "b%", False),
        ("%" + "a_" * 2_000 + "b%", False),
        ("%" + "a_" * 2_000 + "a%", True),
        ("%a_b%", False),
        ("%" + "a_%" * 1_000 + "%a", True),
        ("%" + r"\_" * 1_000 + "%", False),
    ],
)
def test_a_pattern_that_would_backtrack_is_soon_compared(pattern: str, fits: bool) -> None:
    """As a regular expression the first takes a million times 5000 steps."""
    began_s = time.process_time()
    assert like(LONG, pattern) is fits
    assert time.process_time() - began_s < _BOUND_S


LETTERS = "".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (LONG, "%" + "a_" * 200_000 + "ab%"),
        (LETTERS * 200, "%" + "_".join(LETTERS[::2]) + "x%"),
    ],
    ids=["places", "letters"],
)
def test_what_would_hold_the_server_up_is_canceled_as_by_a_timeout(text: str, pattern: str) -> None:
    began_s = time.process_time()
    with pytest.raises(DatabaseError, match="57014: canceling statement due to statement timeout"):
        like(text, pattern)
    assert time.process_time() - began_s < _BOUND_S


def fits_by_trying(text: str, pattern: str) -> bool:
    """What `LIKE` means, letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(fits_by_trying(text[at:], pattern[1:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and fits_by_trying(text[1:], pattern[1:])


@given(st.text("ab", max_size=40), st.text("ab_%", max_size=8))
def test_a_text_fits_as_trying_every_way_says(text: str, pattern: str) -> None:
    assert like(text, pattern) is fits_by_trying(text, pattern)
