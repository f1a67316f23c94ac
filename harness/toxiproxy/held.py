"""Something that a server keeps for the length of a block, and gives up however the block ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from harness.toxics import BadToxic
from harness.toxiproxy.client_errors import (
    BadRequest,
    ProxyExists,
    ProxyNotFound,
    ToxicExists,
    ToxicNotFound,
    ToxiproxyError,
)

T = TypeVar("T")

REFUSED = (BadRequest, BadToxic, ProxyExists, ProxyNotFound, ToxicExists, ToxicNotFound)
"""The answer was no, so there is nothing to heal. After any other error there may be."""


@contextmanager
def held(make: Callable[[], T], heal: Callable[[], object], stays: str) -> Iterator[T]:
    """Make something, run the block, then heal; `stays` says what is left when that fails.

    A failure to heal never hides the error of the block: it becomes a note of it. What was asked
    for without an answer (a time-out, an interrupt) may have been made, and is healed as well.
    """
    refused = False
    try:
        try:
            made = make()
        except REFUSED:
            refused = True
            raise
        yield made
    except BaseException as error:
        if not refused:
            _heal_beside(error, heal, stays)
        raise
    heal()


def _heal_beside(error: BaseException, heal: Callable[[], object], stays: str) -> None:
    try:
        heal()
    except ToxiproxyError as also:
        error.add_note(f"and {stays}: {also}")
