"""Seeds with names: every source of randomness is a substream of one printed seed."""

from __future__ import annotations

import hashlib
from random import Random

SEED_MASK = (1 << 64) - 1


class BadSeed(ValueError):
    """A seed that is neither a whole number nor a hexadecimal commit hash."""


def substream(seed: int, name: str) -> Random:
    """A generator of its own for `name` (say `client/alice`), fixed by `seed`.

    Adding a stream never shifts the draws of another, so a replay survives new code that draws.
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big"))


def parse_seed(text: str) -> int:
    """Read a seed from a command line: a whole number, or a commit hash of 40 hexadecimal digits.

    A commit hash gives each commit new seeds that anyone can replay from the commit alone
    (TigerBeetle's habit). Raises `BadSeed`.
    """
    if text.isascii() and text.isdigit() and len(text) < 40:
        return int(text)
    try:
        if len(text) == 40:
            return int(text, 16) & SEED_MASK
    except ValueError:
        pass
    raise BadSeed(
        f"seed {text!r} is neither a whole number nor a commit hash of 40 hexadecimal digits: "
        "say --seed 7"
    )
