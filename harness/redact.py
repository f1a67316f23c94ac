"""Takes keys and tokens out of a text before it is written down."""

from __future__ import annotations

import re

_JWT = re.compile(r"eyJ[\w-]*\.[\w-]+(\.[\w-]*)?")
_SUPABASE_KEY = re.compile(r"\bsb_(publishable|secret)_[\w-]+")
_NAMED = re.compile(r"(?i)\b(apikey|access_token|token|authorization)(=|\"?: ?\"?)([^&\s\"',)]+)")

TEXT_LENGTH_MAX = 500
"""An error text longer than this is cut, visibly."""


def redact(text: str, length_max: int = TEXT_LENGTH_MAX) -> str:
    """The text without JWTs, Supabase keys and named credentials, cut to a bound."""
    for pattern, replacement in (
        (_JWT, "[token]"),
        (_SUPABASE_KEY, "[key]"),
        (_NAMED, r"\1\2[redacted]"),
    ):
        text = pattern.sub(replacement, text)
    return text if len(text) <= length_max else text[:length_max] + " … (cut)"
