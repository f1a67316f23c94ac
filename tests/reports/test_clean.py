"""Text of unknown origin becomes one printable line."""

from __future__ import annotations

from hypothesis import given

from reports.clean import TEXT_LENGTH_MAX, one_line
from tests.reports.hostile import hostile_text


@given(hostile_text)
def test_a_line_is_printable_and_can_be_encoded(text: str) -> None:
    line = one_line(text)
    assert line.isprintable() or not line.isascii()
    assert line.splitlines() in ([line], [])
    line.encode()


def test_a_terminal_escape_is_shown_and_not_obeyed() -> None:
    assert one_line("a\x1b[31m\nb\u202ec") == "a\ufffd[31m b\ufffdc"


def test_letters_of_every_language_stay() -> None:
    assert one_line("naïve 東京 🚀") == "naïve 東京 🚀"


def test_a_long_text_is_cut_visibly() -> None:
    line = one_line("x" * (TEXT_LENGTH_MAX + 1))
    assert line == "x" * TEXT_LENGTH_MAX + " … (cut)"
