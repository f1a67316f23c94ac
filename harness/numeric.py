"""What counts as a number where somebody writes one down: finite, and neither text nor a flag."""

from __future__ import annotations

import math
from typing import Any, TypeGuard


def is_number(value: Any) -> TypeGuard[int | float]:
    """A finite number; a bool is none, nor is a whole number that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def is_whole(value: Any) -> TypeGuard[int]:
    """A whole number; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool)
