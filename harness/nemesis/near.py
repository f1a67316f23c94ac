"""The name that was probably meant, for the words of a mistake."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(given: object, names: Iterable[str]) -> str:
    """`did you mean 'hole'? ` if one of the names is near to what was given, else nothing."""
    near = get_close_matches(given, names, n=1) if isinstance(given, str) else []
    return f"did you mean {near[0]!r}? " if near else ""
