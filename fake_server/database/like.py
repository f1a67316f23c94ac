"""SQL's `LIKE`: `%`, `_`, and the backslash as escape.

No pattern holds the server up: one that asks for more characters than the text has is never
compiled, and what stands between two `%` is looked for once and not given back, so that none takes
longer than its length times that of the text.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"\\.|.", re.DOTALL)


def like(text: str, pattern: str) -> bool:
    """Whether a pattern fits the whole of a text."""
    return _fits(text, pattern, re.DOTALL)


def ilike(text: str, pattern: str) -> bool:
    """The same whatever the case of letters."""
    return _fits(text, pattern, re.DOTALL | re.IGNORECASE)


def _fits(text: str, pattern: str, flags: re.RegexFlag) -> bool:
    pieces = _PIECE.findall(pattern)
    if len(pieces) - pieces.count("%") > len(text):
        return False
    return re.fullmatch(_regex(pieces), text, flags) is not None


def _regex(pieces: list[str]) -> str:
    parts: list[list[str]] = [[]]
    for piece in pieces:
        if piece != "%":
            parts[-1].append("." if piece == "_" else re.escape(piece[-1]))
        elif parts[-1] or len(parts) == 1:
            parts.append([])
    first, *others = map("".join, parts)
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
