"""Makes text of unknown origin safe to show: one line, printable, of bounded length.

Reasons and evidence quote what servers and clients said, so they can hold anything: terminal
escapes, NUL, half a surrogate pair. Each such character becomes U+FFFD, visibly.
"""

from __future__ import annotations

import unicodedata

TEXT_LENGTH_MAX = 2000
"""Characters of one sentence of evidence; longer ones are cut, visibly."""

# Control, format (bidirectional overrides among them), surrogate, private use, unassigned.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def one_line(text: str) -> str:
    """The text as one printable line without leading or trailing blanks."""
    printable = "".join(map(_printable, " ".join(text.split())))
    if len(printable) <= TEXT_LENGTH_MAX:
        return printable
    return f"{printable[:TEXT_LENGTH_MAX]} … (cut)"


def _printable(character: str) -> str:
    return "\N{REPLACEMENT CHARACTER}" if _is_unprintable(character) else character


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE
