"""What is checked of a name and a share before a server is asked."""

from __future__ import annotations

import re

from harness.toxics import BadToxic
from harness.toxiproxy.client_errors import BadRequest

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]+")


def check_name(name: str) -> str:
    """The name, if it can be addressed in a URL. Raises `BadRequest`."""
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"name {name!r} cannot be addressed; use letters, digits, '_', '-' and '.' only"
        )
    return name


def check_toxicity(toxicity: float) -> float:
    """The toxicity, if it is a share. Raises `BadToxic`."""
    if not 0 <= toxicity <= 1:
        raise BadToxic(f"toxicity is {toxicity!r}; say a share of connections from 0 to 1")
    return toxicity
