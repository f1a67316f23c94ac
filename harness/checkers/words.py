"""How evidence is put into words: counted, with the first few cases and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

EXAMPLES_MAX = 5
"""A person reads five cases; the history holds the rest."""


def count(number: int, noun: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def examples(cases: Sequence[str]) -> list[str]:
    """The first cases, and one line that counts those left out."""
    if len(cases) <= EXAMPLES_MAX:
        return list(cases)
    return [*cases[:EXAMPLES_MAX], f"and {len(cases) - EXAMPLES_MAX} more"]


def listed(names: Iterable[str]) -> str:
    """The first names in one line, each once: `client-0, client-1 and 198 more`."""
    unique = list(dict.fromkeys(names))
    shown = ", ".join(unique[:EXAMPLES_MAX])
    more = len(unique) - EXAMPLES_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def seconds(value_s: float) -> str:
    """`0.25 s`, `31 s`: as many digits as a person can use."""
    return f"{value_s:.3g} s" if value_s < 100 else f"{value_s:.0f} s"
